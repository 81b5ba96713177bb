// expect: 'mutatoins'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  mutatoins: {},
});
