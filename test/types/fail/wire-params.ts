// expect: 'mutaton'
import type { Peer } from '@kraken-hpc/sdk/wire';

export const send = (peer: Peer<'host'>) => peer.request('mutation/run', { mutaton: 'powerOn', deadline: 1, nodes: [] });
