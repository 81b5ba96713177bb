import { setFlagsFromString } from 'node:v8';
import { serve } from '@kraken-hpc/sdk';
import module from './module.ts';

// Left alone, V8 lets the garbage of 100,000 nodes grow over the host's limit for a module; so it is half of that, in the same time.
setFlagsFromString('--heap-growing-percent=50');
serve(module);
