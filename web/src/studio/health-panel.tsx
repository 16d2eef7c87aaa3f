// What arrives from the encoder, and what is wrong with it.

import type { LiveStatus } from '../api/types';
import { Notice } from '../ui/parts';
import { adviceFor, figures } from './words';

export function HealthPanel({ status }: { status: LiveStatus | null }) {
  const health = status?.publishing ? status.health : null;
  return (
    <section className="card" aria-labelledby="health">
      <header>
        <h2 id="health">Incoming stream</h2>
        <span className="muted small">
          {status === null ? '' : status.publishing ? `Qualities: source${health?.rungs.map((rung) => `, ${rung}`).join('') ?? ''}` : 'OBS is not connected'}
        </span>
      </header>
      <div className="health__warnings" role="status">
        {health?.warnings.map((code) => {
          const advice = adviceFor(code);
          return (
            <Notice key={code} tone="warn" title={advice.title}>
              {advice.cure}
            </Notice>
          );
        })}
        {health !== null && health.warnings.length === 0 && <Notice tone="good">Everything looks right.</Notice>}
      </div>
      <dl className="tiles">
        {figures(health).map((tile) => (
          <div key={tile.name} className="tile" data-off={tile.isOff}>
            <dt>{tile.name}</dt>
            <dd className="tabular">
              {tile.value}
              {tile.value !== '–' && tile.unit && <span className="tile__unit"> {tile.unit}</span>}
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
