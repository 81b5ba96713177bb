// expect: 'node' does not exist
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  pollers: { power: { discovers: ['/physState'], every: '5s', pollMany: ({ node }) => ({ [node.id]: { '/physState': 'POWER_ON' } }) } },
});
