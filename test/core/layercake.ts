/**
 * The bundled plugins' declarations as 6-layercake.md has them, in the core's form: ipmi power, pxe, the core's own, images.
 * Limits are those of 2-engine.md. Every test that needs a realistic graph starts from these.
 */
import { CORE } from '../../host/core/core-service.ts';
import type { Mutation, Path, Poller, Scalar, ServiceDeclaration, Variable } from '../../host/core/declaration.ts';

const SECOND = 1000;
const MINUTE = 60 * SECOND;

export function variable(path: Path, values?: readonly Scalar[], more: Partial<Variable> = {}): Variable {
  const base = { path, means: false, neverWanted: [], terminal: [] };
  return values ? { ...base, values, unknown: values[0] ?? '', ...more } : { ...base, ...more };
}

/** Those of the core and of the extension schemas. */
export const VARIABLES: readonly Variable[] = [
  variable('/physState', ['PHYS_UNKNOWN', 'POWER_OFF', 'POWER_ON', 'POWER_CYCLE', 'PHYS_HANG', 'PHYS_ERROR'], {
    neverWanted: ['POWER_CYCLE', 'PHYS_HANG', 'PHYS_ERROR'],
  }),
  variable('/runState', ['UNKNOWN', 'INIT', 'SYNC', 'ERROR'], { neverWanted: ['ERROR'] }),
  variable('/platform'),
  variable('/arch'),
  variable('/pxe/state', ['NONE', 'WAIT', 'INIT', 'COMP'], { means: true, neverWanted: ['WAIT'] }),
  imagesState('/images/state'),
];

export function imagesState(path: Path): Variable {
  return variable(path, ['UNKNOWN', 'IDLE', 'ACTIVE', 'UPDATE', 'ERROR', 'FATAL'], {
    neverWanted: ['UPDATE', 'ERROR', 'FATAL'],
    terminal: ['FATAL'],
  });
}

export function service(name: string, more: Partial<ServiceDeclaration> = {}): ServiceDeclaration {
  const empty = { variables: [], mutations: [], pollers: [], discoveries: [], quiet: {}, reads: [], permissions: [] };
  return { service: name, module: name, serves: '', ...empty, playsHosts: false, ...more };
}

export function mutation(id: string, mutates: Mutation['mutates'], more: Partial<Mutation> = {}): Mutation {
  const [owner = '', name = ''] = id.split('/');
  const base = { id, service: owner, name, mutates, requires: {}, excludes: {}, failTo: {} };
  return { ...base, context: 'child', timeout: MINUTE, cost: 1, disruptive: false, ...more };
}

export function poller(id: string, discovers: readonly Path[], requires: Poller['requires'] = {}): Poller {
  const [owner = '', name = ''] = id.split('/');
  return { id, service: owner, name, discovers, requires, every: 5 * SECOND, timeout: 10 * SECOND };
}

export function discovery(
  id: string,
  discovers: readonly Path[],
  requires: Poller['requires'] = {},
): ServiceDeclaration['discoveries'][number] {
  const [owner = '', name = ''] = id.split('/');
  return { id, service: owner, name, discovers, requires };
}

/** A power plugin for the nodes of one platform. */
export function power(name: string, platform = name): ServiceDeclaration {
  const more = { requires: { '/platform': platform }, failTo: { '/physState': 'PHYS_HANG' } };
  return service(name, {
    mutations: [
      mutation(`${name}/powerOn`, { '/physState': ['POWER_OFF', 'POWER_ON'] }, { ...more, timeout: 120 * SECOND }),
      mutation(
        `${name}/powerOff`,
        { '/physState': ['POWER_ON', 'POWER_OFF'] },
        { ...more, excludes: { '/runState': 'SYNC' }, timeout: 300 * SECOND, disruptive: true },
      ),
      mutation(`${name}/unhang`, { '/physState': ['PHYS_HANG', 'POWER_OFF'] }, { ...more, timeout: 300 * SECOND, disruptive: true }),
    ],
    pollers: [poller(`${name}/power`, ['/physState'], { '/platform': platform })],
  });
}

export const IPMI = power('ipmi');

export const PXE = service('pxe', {
  mutations: [
    mutation(
      'pxe/wait',
      { '/pxe/state': ['NONE', 'WAIT'] },
      { requires: { '/physState': 'POWER_ON' }, failTo: { '/physState': 'PHYS_HANG' } },
    ),
    mutation(
      'pxe/boot',
      { '/pxe/state': ['WAIT', 'INIT'], '/runState': ['UNKNOWN', 'INIT'] },
      { requires: { '/physState': 'POWER_ON' }, timeout: 20 * MINUTE, failTo: { '/physState': 'PHYS_HANG' } },
    ),
  ],
  discoveries: [discovery('pxe/state', ['/pxe/state', '/runState'], { '/physState': 'POWER_ON' })],
});

/** The images plugin, or another of its kind at another path. */
export function images(name: string, path: Path): ServiceDeclaration {
  const more = { requires: { '/runState': 'SYNC' }, context: 'self', failTo: { [path]: 'ERROR' } } as const;
  const step = (step: string, from: string, to: string, disruptive = false, failTo = 'ERROR'): Mutation =>
    mutation(`${name}/${step}`, { [path]: [from, to] }, { ...more, failTo: { [path]: failTo }, disruptive });
  return service(name, {
    mutations: [
      step('begin', 'UNKNOWN', 'IDLE'),
      step('start', 'IDLE', 'ACTIVE'),
      step('stop', 'ACTIVE', 'IDLE', true),
      step('update', 'UPDATE', 'ACTIVE', true),
      step('drop', 'UPDATE', 'IDLE', true),
      step('mend', 'ERROR', 'ACTIVE', false, 'FATAL'),
      step('clear', 'ERROR', 'IDLE', true, 'FATAL'),
    ],
    discoveries: [discovery(`${name}/state`, [path], { '/runState': 'SYNC' })],
    quiet: { [path]: 'IDLE' },
  });
}

export const IMAGES = images('images', '/images/state');

export const LAYERCAKE: readonly ServiceDeclaration[] = [CORE, IPMI, PXE, IMAGES];
