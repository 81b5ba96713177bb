import { serve } from '@kraken-hpc/sdk';
import module from './module.ts';

serve(module);
