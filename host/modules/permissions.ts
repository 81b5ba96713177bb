/** What a module may be allowed beyond its own declaration, and which method needs which. */

const PERMISSIONS = ['state:read *', 'cfg:write', 'dsc:write', 'operate', 'sessions', 'env', 'net', 'ports', 'root'] as const;
export type Permission = (typeof PERMISSIONS)[number];

export function isPermission(text: unknown): text is Permission {
  return (PERMISSIONS as readonly unknown[]).includes(text);
}

/** free: every module · declared: only the paths of its declaration, or `state:read *` · unknown: there is no such method. */
export type Need = 'free' | 'declared' | 'unknown' | Permission;

const NEEDS: ReadonlyMap<string, Need> = new Map<string, Need>(
  Object.entries({
    'state/discover': 'free',
    'state/read': 'declared',
    'state/watch': 'declared',
    'state/unwatch': 'free',
    'state/propose': 'cfg:write',
    'events/watch': 'state:read *',
  } satisfies Record<string, Need>),
);

const OPERATOR = /^(?:node|engine|service|graph|schema|peer|token|plugin|roll)\/[a-zA-Z]+$/;

export function needOf(method: string): Need {
  return NEEDS.get(method) ?? (OPERATOR.test(method) ? 'operate' : 'unknown');
}
