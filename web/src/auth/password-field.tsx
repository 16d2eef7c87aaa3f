import { Field } from '../ui/parts';

const PASSWORD_LENGTH_MIN = 8;

/** A new password, with what it must be. */
export function PasswordField({ label, errors, autoFocus = false }: { label: string; errors: string[] | undefined; autoFocus?: boolean }) {
  return (
    <Field label={label} hint={`At least ${PASSWORD_LENGTH_MIN} characters. A sentence is easier to remember than signs.`} errors={errors}>
      {(control) => (
        <input
          {...control}
          name="password"
          type="password"
          autoComplete="new-password"
          required
          minLength={PASSWORD_LENGTH_MIN}
          autoFocus={autoFocus}
        />
      )}
    </Field>
  );
}
