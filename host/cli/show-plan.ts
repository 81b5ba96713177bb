/** A plan as an operator reads it before saying yes. */
import type { PlanGroup, PlanReport } from '../core/answers.ts';
import type { Fold } from './nodes.ts';
import type { Style } from './style.ts';
import { count, pathText, range } from './words.ts';

/** How many nodes have steps that may kill what runs on them. */
export function disrupted({ groups }: PlanReport): number {
  return groups.filter(({ disruptive }) => disruptive[1] > 0).reduce((sum, { nodes }) => sum + nodes.length, 0);
}

export function planText(report: PlanReport, fold: Fold, style: Style): string {
  const groups = report.groups.filter(({ steps, waiting, branches }) => steps.length + waiting.length + branches.length > 0);
  const parts = groups.map((group) => groupText(group, fold, style));
  for (const { nodes, reasons } of report.unreachable)
    parts.push(`${style.bold(fold(nodes))}  ${style.bad('cannot get there')}\n${reasons.map((reason) => `    ${reason}\n`).join('')}`);
  for (const { text, nodes } of report.remarks ?? []) parts.push(`${style.bold(fold(nodes))}  ${text}\n`);
  return [...parts, summary(report, style)].join('\n');
}

function summary(report: PlanReport, style: Style): string {
  const hit = disrupted(report);
  const facts = [
    `${count(report.changed, 'node')} changed`,
    `${report.atGoal} at goal`,
    hit === 0 ? 'nothing disruptive' : style.warn(`${count(hit, 'node')} disrupted`),
    `${range(report.powerCycles)} power ${range(report.powerCycles) === '1' ? 'cycle' : 'cycles'}`,
  ];
  const lost = report.unreachable.reduce((sum, { nodes }) => sum + nodes.length, 0);
  if (lost > 0) facts.push(style.bad(`${lost} unreachable`));
  return `${facts.join(', ')}.\n`;
}

function groupText(group: PlanGroup, fold: Fold, style: Style): string {
  const { nodes, steps, branches, waiting, moot, disruptive, powerCycles } = group;
  const costs = [count(nodes.length, 'node'), count(steps.length, 'step')];
  if (disruptive[1] > 0) costs.push(style.warn(`${range(disruptive)} disruptive`));
  if (powerCycles[1] > 0) costs.push(style.warn(`${range(powerCycles)} power ${range(powerCycles) === '1' ? 'cycle' : 'cycles'}`));
  const lines = [`${style.bold(fold(nodes))}  ${style.dim('(')}${costs.join(', ')}${style.dim(')')}`];
  steps.forEach((step, index) => {
    lines.push(`  ${String(index + 1).padStart(2)}  ${step.text}${step.disruptive ? style.warn('  disruptive') : ''}`);
  });
  for (const { answer, steps: then } of branches) lines.push(`      ${answer}: ${then.length === 0 ? 'nothing more' : then.join(', ')}`);
  for (const one of waiting)
    lines.push(`      ${style.warn(`${one.nodes.length === nodes.length ? 'waits' : `${fold(one.nodes)} waits`}:`)} ${one.text}`);
  if (moot.length > 0) lines.push(`      left out: ${moot.map(pathText).join(', ')}, which cannot be known then`);
  return `${lines.join('\n')}\n`;
}
