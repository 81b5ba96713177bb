/** What installing a plugin would mean, as it is told. */
import type { Declaration, Result } from '@kraken-hpc/sdk/wire';
import type { ConformanceReport } from '../conformance/check.ts';
import type { ServiceDeclaration } from '../core/declaration.ts';
import type { FoundModule } from '../modules/manifest.ts';
import type { InstalledPlugin } from './book.ts';
import type { Foreseen } from './ground.ts';

export type PluginReport = Result<'plugin/stage'>['report'];

export interface ReportParts {
  readonly found: FoundModule;
  readonly replaces: Pick<InstalledPlugin, 'version' | 'permissions'> | undefined;
  /** The service that is made with it. */
  readonly service: string | undefined;
  readonly conformance: ConformanceReport | undefined;
  /** What it brings, and what the installed version brings, as far as it is known. */
  readonly brings: readonly string[];
  readonly before: readonly string[];
  readonly foreseen: Foreseen;
}

export function reportOf({ found, replaces, service, conformance, brings, before, foreseen }: ReportParts): PluginReport {
  const verdicts = conformance?.verdicts ?? [];
  const { served, ways, conflicts } = foreseen;
  return {
    plugin: found.module,
    package: found.package,
    version: found.version,
    kind: found.extensions === undefined ? 'module' : 'extension',
    ...(replaces ? { replaces: replaces.version } : {}),
    ...(service === undefined ? {} : { service }),
    permissions: found.permissions.map((permission) => ({ permission, isNew: !replaces?.permissions.includes(permission) })),
    checks: {
      passed: verdicts.filter(({ verdict }) => verdict === 'pass').length,
      notApplicable: verdicts.filter(({ verdict }) => verdict === 'not applicable').length,
      failed: verdicts.flatMap(({ id, sentence, verdict, why = '' }) => (verdict === 'fail' ? [{ id, sentence, why }] : [])),
    },
    adds: brings.filter((one) => !before.includes(one)),
    removes: before.filter((one) => !brings.includes(one)),
    ...(served === undefined ? {} : { served }),
    ways: [...ways],
    conflicts: [...conflicts],
  };
}

/** A declaration as a list of what it brings, each in a few words. */
export function broughtBy(declaration: ServiceDeclaration, wire?: Declaration): string[] {
  const { variables, mutations, pollers, discoveries } = declaration;
  return [
    ...Object.keys(wire?.extensions ?? {}).map((member) => `extension ${member}`),
    ...variables.filter(({ path }) => !Object.hasOwn(wire?.extensions ?? {}, path.split('/')[1] ?? '')).map(({ path }) => `state ${path}`),
    ...mutations.map(({ id, disruptive, mutates }) => {
      const steps = Object.entries(mutates).map(([path, [from, to]]) => `${path} ${from} → ${to}`);
      return `mutation ${id}: ${steps.join(', ')}${disruptive ? ' (disruptive)' : ''}`;
    }),
    ...pollers.map(({ id, every, discovers }) => `poller ${id}: ${discovers.join(', ')} every ${every / 1000} s`),
    ...discoveries.map(({ id, discovers }) => `discovery ${id}: ${discovers.join(', ')}`),
    ...Object.keys(wire?.calls ?? {}).map((call) => `call ${call}`),
  ];
}
