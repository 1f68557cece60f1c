/** A refusal in the provider's envelope `{code, message, more_info, status}`. */
export class ProviderError extends Error {
  readonly httpStatus: number;
  readonly code: number;
  readonly retryAfterS: number | undefined;

  constructor(httpStatus: number, code: number, message: string, retryAfterS?: number) {
    super(message);
    this.name = 'ProviderError';
    this.httpStatus = httpStatus;
    this.code = code;
    this.retryAfterS = retryAfterS;
  }

  envelope(): { code: number; message: string; more_info: string; status: number } {
    return {
      code: this.code,
      message: this.message,
      more_info: `https://www.twilio.com/docs/errors/${this.code}`,
      status: this.httpStatus,
    };
  }
}
