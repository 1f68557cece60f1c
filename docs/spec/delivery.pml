/*
 * Delivery of one message by two senders that may crash, freeze and lose ownership at any step, to a provider whose
 * answers and callbacks may be lost, late or both. Steps are named as in the code:
 *
 *   takeOwnership, claim (claimStatements), write (deliver-message), settle (settleStatements),
 *   overdueClaims, reconcile (Reconciliation), callback (callbackRule), cancel (finishUnsent)
 *
 * Checked exhaustively: the provider never has two acceptances of the message (invariant 2), a cancelled message is
 * never accepted, and nobody waits for ever without an operator seeing it (no bad end state, invariant 1).
 *
 * Each fence can be taken out, and then the check must fail:
 *   -DNO_CLAIM_CAS      the claim does not look again, under the lane's lock, whether the lane is open
 *   -DNO_FENCE          nor whether the partition still is its sender's (with the epoch alone left out, the lane's
 *                       lock suffices: the epoch protects admission and offsets, not this message)
 *   -DNO_AGE_CHECK      a claim's age is not checked right before the request is written
 *   -DNO_ATTEMPT_MATCH  a settlement is not bound to its attempt
 *   -DNO_GRACE          reconciliation believes one list, taken while a request may still be under way
 *   -DNO_CANCEL_LOCK    a cancel does not look whether the lane is sending
 */
#define SENDERS 2
#define ATTEMPTS 3

mtype = { waiting, sending, unknown, sent, cancelled };
mtype = { nothing, answered_yes, answered_no, lost };

/* the ledger */
mtype state = waiting;
byte attempt = 0;
byte epoch = 0;
bool leaseEnded[ATTEMPTS + 1];
bool wasCancelled = false;

/* the provider */
byte acceptances = 0;
bool has[ATTEMPTS + 1];
bool underWay[ATTEMPTS + 1];
bool callbackDue[ATTEMPTS + 1];

inline settle_accepted(n) {
  if
#ifdef NO_ATTEMPT_MATCH
  :: state == sending || state == unknown -> state = sent
#else
  :: (state == sending || state == unknown) && attempt == n -> state = sent
#endif
  :: else -> skip
  fi
}

inline settle_refused(n) {
  if
#ifdef NO_ATTEMPT_MATCH
  :: state == sending || state == unknown -> state = waiting
#else
  :: (state == sending || state == unknown) && attempt == n -> state = waiting
#endif
  :: else -> skip
  fi
}

proctype Sender() {
  byte mine = 0;       /* the epoch that it took */
  byte n = 0;          /* the attempt that it holds a claim for, 0: none */
  bool sawOpen = false;
  mtype answer = nothing;

  do
  :: n == 0 && epoch < 3 -> /* takeOwnership */
     d_step { epoch++; mine = epoch; sawOpen = false }

  :: n == 0 && mine > 0 && !sawOpen && state == waiting -> /* the head that it holds in memory */
     sawOpen = true

  :: n == 0 && sawOpen && attempt < ATTEMPTS -> /* claim: fence, locks, decision in one transaction */
     atomic {
       sawOpen = false;
       if
#if defined(NO_FENCE)
       :: attempt < ATTEMPTS -> state = sending; attempt++; n = attempt
#elif defined(NO_CLAIM_CAS)
       :: mine == epoch && attempt < ATTEMPTS -> state = sending; attempt++; n = attempt
#else
       :: mine == epoch && state == waiting && attempt < ATTEMPTS -> state = sending; attempt++; n = attempt
#endif
       :: else -> skip
       fi
     }

  :: n > 0 && answer == nothing && !underWay[n] && !has[n] -> /* write, or release when the claim is too old */
     atomic {
       if
#ifdef NO_AGE_CHECK
       :: underWay[n] = true
#else
       :: !leaseEnded[n] -> underWay[n] = true
       :: leaseEnded[n] -> n = 0
#endif
       fi
     };
     if
     :: n > 0 ->
        atomic { /* the provider takes it or not; the answer comes or is lost */
          if
          :: acceptances++; has[n] = true; callbackDue[n] = true; answer = answered_yes
          :: acceptances++; has[n] = true; callbackDue[n] = true; answer = lost
          :: answer = answered_no
          :: answer = lost
          fi;
          underWay[n] = false
        }
     :: else -> skip
     fi

  :: n > 0 && answer != nothing -> /* settle, whatever the epoch */
     atomic {
       if
       :: answer == answered_yes -> settle_accepted(n)
       :: answer == answered_no -> settle_refused(n)
       :: answer == lost ->
          if
          :: state == sending && attempt == n -> state = unknown
          :: else -> skip
          fi
       fi;
       n = 0; answer = nothing
     }

  :: n > 0 && !underWay[n] -> /* it dies: what it knew is gone */
     atomic { n = 0; answer = nothing; mine = 0; sawOpen = false }

  :: state == sent || state == cancelled -> break
  :: attempt == ATTEMPTS && n == 0 -> break
  od
}

/* overdueClaims: the lease outlives the provider's time-out and its margin, so no request of it is under way then */
proctype Leases() {
  do
  :: atomic { state == sending && !leaseEnded[attempt] && !underWay[attempt] -> leaseEnded[attempt] = true; state = unknown }
  :: state == sent || state == cancelled -> break
  :: attempt == ATTEMPTS && state != sending -> break
  od
}

/* reconcile: complete lists, after the grace, say whether the provider has this attempt */
proctype Reconciliation() {
  byte asked = 0;
  bool found = false;
  do
  :: state == unknown ->
#ifdef NO_GRACE
     atomic { state == unknown -> asked = attempt; found = false };
     /* the list was taken before the request arrived */
     atomic {
       if
       :: found -> settle_accepted(asked)
       :: else -> settle_refused(asked)
       fi
     }
#else
     atomic {
       if
       :: state == unknown && !underWay[attempt] ->
          if
          :: has[attempt] -> state = sent
          :: else -> state = waiting
          fi
       :: else -> skip
       fi
     }
#endif
  :: state == sent || state == cancelled -> break
  :: attempt == ATTEMPTS && state == waiting -> break
  od
}

/* callbackRule: may come before the answer, instead of it, late, or never */
proctype Callbacks() {
  byte k;
  do
  :: atomic { callbackDue[1] -> callbackDue[1] = false; k = 1;
       if
       :: (state == sending || state == unknown) && attempt == k -> state = sent
       :: state == waiting && attempt >= k -> state = sent
       :: else -> skip
       fi }
  :: atomic { callbackDue[2] -> callbackDue[2] = false; k = 2;
       if
       :: (state == sending || state == unknown) && attempt == k -> state = sent
       :: state == waiting && attempt >= k -> state = sent
       :: else -> skip
       fi }
  :: callbackDue[1] -> callbackDue[1] = false
  :: callbackDue[2] -> callbackDue[2] = false
  :: state == sent || state == cancelled -> break
  :: attempt == ATTEMPTS && state == waiting -> break
  od
}

proctype Cancel() {
  atomic {
#ifdef NO_CANCEL_LOCK
    if
    :: state != sent -> state = cancelled; wasCancelled = true
    :: else -> skip
    fi
#else
    if
    :: state == waiting -> state = cancelled; wasCancelled = true
    :: else -> skip
    fi
#endif
  }
}

init {
  atomic {
    run Sender(); run Sender();
    run Leases(); run Reconciliation(); run Callbacks(); run Cancel()
  }
}

ltl once { [] (acceptances <= 1) }
ltl cancelled_is_unsent { [] !(wasCancelled && acceptances > 0) }
