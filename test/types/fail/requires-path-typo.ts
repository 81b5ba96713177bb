// expect: '/runstate'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  requires: { '/runstate': 'SYNC' },
});
