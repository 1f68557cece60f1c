import twilio from 'twilio';

/**
 * Whether the provider signed this form POST with the account's primary token (constant time). `url` is the public
 * URL exactly as it was given as statusCallback; a `#…` fragment is never sent and never signed, so it is cut off.
 */
export function verifyCallbackSignature(
  authToken: string,
  url: string,
  params: Readonly<Record<string, string | readonly string[]>>,
  signature: string,
): boolean {
  if (authToken === '' || signature === '' || !URL.canParse(url)) return false;
  const fragment = url.indexOf('#');
  return twilio.validateRequest(
    authToken,
    signature,
    fragment === -1 ? url : url.slice(0, fragment),
    params as Record<string, string>,
  );
}
