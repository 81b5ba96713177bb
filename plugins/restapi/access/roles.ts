/** Who may do what: viewers read, operators change nodes, admins also what concerns the host itself. */

export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export function isRole(value: unknown): value is Role {
  return (ROLES as readonly unknown[]).includes(value);
}

export function includes(has: Role, needed: Role): boolean {
  return ROLES.indexOf(has) >= ROLES.indexOf(needed);
}

/** Who asks. */
export interface Principal {
  readonly user: string;
  readonly role: Role;
  readonly address: string;
  /** How we know: by a token, or by nothing but that it comes over loopback. */
  readonly by: 'token' | 'loopback';
  /** Of the token. */
  readonly token?: string;
}
