// Pages that only say something.

import { Link } from 'react-router';
import { AlonePage } from './shell';

export function NotFoundPage() {
  return (
    <AlonePage
      title="This page does not exist"
      text="The link may be old or mistyped. Your lectures are all on the first page."
    >
      <Link className="button button--main" to="/">
        My lectures
      </Link>
    </AlonePage>
  );
}

export function BrokenPage() {
  return (
    <AlonePage title="This page has stopped" text="Something unexpected happened here. Loading it again usually helps.">
      <button type="button" className="button button--main" onClick={() => location.reload()}>
        Load again
      </button>
    </AlonePage>
  );
}
