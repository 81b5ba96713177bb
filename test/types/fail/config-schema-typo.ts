// expect: 'tpye'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  config: { bmc: { tpye: 'string' } },
});
