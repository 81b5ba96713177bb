/** Where a machine has its programs: all of it is seen by every module. */

export const PROGRAMS = ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32', '/opt', '/nix', '/gnu'];

/** Whether every module sees it. */
export function isSystem(path: string): boolean {
  return PROGRAMS.some((program) => path === program || path.startsWith(`${program}/`));
}
