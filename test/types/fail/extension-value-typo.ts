// expect: 'QUICK'
import { defineModule } from '@kraken-hpc/sdk';

export default defineModule({
  extensions: { pump: { type: 'object', properties: { speed: { enum: ['UNKNOWN', 'SLOW', 'FAST'] } } } },
  mutations: { faster: { mutates: { '/pump/speed': ['SLOW', 'QUICK'] }, timeout: '5s', run: () => ({ '/pump/speed': 'FAST' }) } },
});
