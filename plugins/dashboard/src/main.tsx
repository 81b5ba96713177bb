import { render } from 'preact';
import { App } from './shell/app.tsx';
import { start } from './shell/desk.ts';
import './shell/style.css';
import 'uplot/dist/uPlot.min.css';

const root = document.getElementById('app');
if (root) render(<App />, root);
void start();
