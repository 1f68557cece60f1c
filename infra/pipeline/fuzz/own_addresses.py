"""Every request comes from an address of its own, as a load balancer would tell it: many wrong keys of one address are answered with 429."""

import itertools

import requests

numbers = itertools.count()
send = requests.Session.send


def send_from_own_address(session, request, **options):
    n = next(numbers)
    request.headers["X-Forwarded-For"] = f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"
    return send(session, request, **options)


requests.Session.send = send_from_own_address
