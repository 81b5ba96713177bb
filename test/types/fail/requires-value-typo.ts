// expect: 'SINC'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  requires: { '/runState': 'SINC' },
});
