/** The process that Kraken starts. It is a file of its own, so that a test can import the module without starting anything. */
import { serve } from '@kraken-hpc/sdk';
import module from './module.js';

serve(module);
