// expect: 'mutation/run'
import type { Peer } from '@kraken-hpc/sdk/wire';

export const send = (peer: Peer<'module'>) => peer.request('mutation/run', { mutation: 'powerOn', deadline: 1, nodes: [] });
