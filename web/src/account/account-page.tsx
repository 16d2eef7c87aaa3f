// My account: who I am to others, my password, where I am signed in.

import { Shell } from '../ui/shell';
import { Gate } from '../auth/gate';
import { DevicesCard } from './devices-card';
import { PasswordCard } from './password-card';
import { ProfileCard } from './profile-card';

export function AccountPage() {
  return (
    <Gate>
      {(user) => (
        <Shell title="My account">
          <header className="page-head">
            <h1>My account</h1>
            <p>{user.email}</p>
          </header>
          <div className="account">
            <ProfileCard />
            <PasswordCard />
            <DevicesCard />
          </div>
        </Shell>
      )}
    </Gate>
  );
}
