// expect: 'cfg:wirte'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  permissions: ['cfg:wirte'],
});
