/**
 * What a key may do. A restaurant's own key: `send` and `read`, of that restaurant. A platform's key belongs to none and names
 * one with every request: `send:any`, `read`; `admin` changes restaurants and keys and has every other right.
 */
export const SCOPES = ['send', 'read', 'admin', 'send:any'] as const;
export type Scope = (typeof SCOPES)[number];

const OWN: readonly Scope[] = ['send', 'read'];

/** The scopes that a key of this kind can be given. */
export function scopesFor(kind: 'restaurant' | 'platform'): readonly Scope[] {
  return kind === 'restaurant' ? OWN : SCOPES;
}

/** Those that count: any other would be a right over restaurants that the key does not speak for. `send` needs a restaurant. */
export function effectiveScopes(scopes: readonly Scope[], kind: 'restaurant' | 'platform'): Set<Scope> {
  return new Set(scopes.filter((scope) => (kind === 'restaurant' ? OWN.includes(scope) : scope !== 'send')));
}
