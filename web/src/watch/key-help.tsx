import { KEY_HELP } from '../player/keys';
import { Button, Dialog } from '../ui/parts';

export function KeyHelp({ canScrub, onClose }: { canScrub: boolean; onClose: () => void }) {
  return (
    <Dialog title="Keyboard shortcuts" onClose={onClose}>
      <dl className="keys">
        {KEY_HELP.filter((line) => canScrub || !line.dvrOnly).map((line) => (
          <div key={line.what}>
            <dt>
              {line.keys.map((key) => (key === '…' ? <span key={key}>…</span> : <kbd key={key}>{key}</kbd>))}
            </dt>
            <dd>{line.what}</dd>
          </div>
        ))}
      </dl>
      <div className="dialog__end">
        <Button type="button" look="main" onClick={onClose} autoFocus>
          Close
        </Button>
      </div>
    </Dialog>
  );
}
