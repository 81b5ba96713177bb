#!/usr/bin/env node
// npm links a package's commands before `prepare` has built them, and leaves out those that are not there: this one always is.
import '../dist/kraken.js';
