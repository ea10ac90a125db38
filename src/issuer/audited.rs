//! The verbs with an effect, each between the two lines that it leaves in the audit trail. What each does stands in the file of its subject.

use super::{
    Backup, Bearer, Caller, ClientAdded, ClientInfo, Fault, Issuer, KeyInfo, OpenAnswer, OpenRequest, PatchRequest, PatchSubjectAnswer,
    PatchSubjectRequest, RevocationAnswer, RevokeRequest, RevokeTarget, RingInfo, SecretAdded, Unavailable,
};
use crate::audit::{Action, By, Deed, Ending, Facts, Target, Text};
use crate::id::{EventId, Sid, Stamp};
use crate::policy::Session;
use crate::registry::Client;
use crate::store::Owner;
use crate::time::Moment;

/// Who does what the node does by itself.
const THE_NODE: &str = "mintage";

impl Issuer {
    /// Opens a session for `request.subject`. One store call; with an idempotency key a lost answer leaves no orphan.
    pub async fn open(&self, by: &Bearer, request: OpenRequest) -> Result<OpenAnswer, Fault> {
        let subject = Text::of(&request.subject);
        let deed = Deed {
            subject: Some(subject.clone()),
            client_id: Some(Text::of(&request.client_id)),
            ..by.deed(Action::OpenSession, Target::Subject(subject))
        };
        let facts =
            |opened: &OpenAnswer| Facts { stamp: Some(opened.session.sid.stamp()), ..Facts::of(Target::Session(opened.session.sid)) };
        self.audited(deed, self.open_session(by, request), facts).await
    }

    /// Merges claims into one session and narrows its scope; the next access token says so. Access tokens that are out stay as they are.
    pub async fn patch(&self, by: &Bearer, sid: Sid, request: PatchRequest) -> Result<Session, Fault> {
        let deed = by.deed(Action::PatchSession, Target::Session(sid));
        let facts = |session: &Session| Facts {
            subject: Some(Text::of(&session.subject)),
            client_id: Some(Text::of(&session.client_id)),
            ..Facts::default()
        };
        self.audited(deed, self.patch_session(by, sid, request), facts).await
    }

    /// Merges claims into every live session of a subject, and voids their access tokens in the same step where asked: a role change
    /// takes effect at once, and nobody is signed out.
    pub async fn patch_subject(&self, by: &Bearer, request: PatchSubjectRequest) -> Result<PatchSubjectAnswer, Fault> {
        let deed = Deed {
            client_id: request.client_id.as_deref().map(Text::of),
            ..by.deed(Action::PatchSubject, Target::Subject(Text::of(&request.subject)))
        };
        let facts = |patched: &PatchSubjectAnswer| Facts { sessions: Some(patched.sessions), stamp: patched.stamp, ..Facts::default() };
        self.audited(deed, self.patch_sessions(by, request), facts).await
    }

    /// Carries out a revocation. When this answers, it is durable and in this node's own view. One store call. A dry run has no effect
    /// and leaves no line.
    pub async fn revoke(&self, by: &Bearer, request: RevokeRequest) -> Result<RevocationAnswer, Fault> {
        if request.dry_run {
            return self.take_back(by, request).await.map(|(answer, _)| answer);
        }
        let (target, client_id) = target_of(&request.target);
        let reason_code = request.reason_code.as_deref().map(Text::of);
        let deed = Deed { client_id, reason_code, ..by.deed(Action::Revoke, target) };
        let facts = |(revoked, owner): &(RevocationAnswer, Option<Owner>)| Facts {
            sessions: revoked.sessions,
            stamp: revoked.stamp,
            ..whose(owner.as_ref())
        };
        self.audited(deed, self.take_back(by, request), facts).await.map(|(answer, _)| answer)
    }

    /// The whole store as it is at this moment, but for the keys.
    pub async fn backup(&self, by: &Bearer) -> Result<Backup, Fault> {
        let deed = by.deed(Action::TakeBackup, Target::All);
        self.audited(deed, self.copy_store(by), |_| Facts::default()).await
    }

    /// Registers a client. A confidential one gets a secret, which is answered this once and kept hashed.
    pub async fn add_client(&self, by: &Bearer, client: Client) -> Result<ClientAdded, Fault> {
        let deed = by.deed(Action::AddClient, Target::Client(Text::of(&client.id)));
        self.audited(deed, self.register(by, client), |_| Facts::default()).await
    }

    /// Replaces a registration whole, but for the secrets, which stay. One that is disabled loses its access tokens; its sessions wait.
    pub async fn replace_client(&self, by: &Bearer, client: Client) -> Result<ClientInfo, Fault> {
        let deed = by.deed(Action::ReplaceClient, Target::Client(Text::of(&client.id)));
        self.audited(deed, self.register_anew(by, client), |_| Facts::default()).await
    }

    /// Removes a client. Its sessions end and its access tokens are void first: who takes the id later inherits nothing.
    pub async fn remove_client(&self, by: &Bearer, id: &str) -> Result<(), Fault> {
        let deed = by.deed(Action::RemoveClient, Target::Client(Text::of(id)));
        self.audited(deed, self.unregister(by, id), |()| Facts::default()).await
    }

    /// Gives a client one more secret, which is answered this once and kept hashed. At most two are held.
    pub async fn add_secret(&self, by: &Bearer, id: &str) -> Result<SecretAdded, Fault> {
        let deed = by.deed(Action::AddSecret, Target::Client(Text::of(id)));
        self.audited(deed, self.one_more_secret(by, id), |_| Facts::default()).await
    }

    /// Ends a secret. The last one stays, unless the client proves itself with keys.
    pub async fn remove_secret(&self, by: &Bearer, id: &str, secret_id: &str) -> Result<ClientInfo, Fault> {
        let deed = by.deed(Action::RemoveSecret, Target::Client(Text::of(id)));
        self.audited(deed, self.one_secret_less(by, id, secret_id), |_| Facts::default()).await
    }

    /// Publishes one more key, of the deployment's JWT algorithm where none is named. It signs when its format's next switch comes.
    pub async fn announce_key(&self, by: &Bearer, algorithm: Option<&str>) -> Result<KeyInfo, Fault> {
        let deed = by.deed(Action::AnnounceKey, Target::Keys);
        self.audited(deed, self.announce(by, algorithm), |key| Facts::of(Target::Key(Text::of(&key.kid)))).await
    }

    /// Lets the standbys sign: now, or as soon as everybody can know them (2 × the key sets' max-age after their announcement).
    pub async fn rotate_keys(&self, by: &Bearer) -> Result<RingInfo, Fault> {
        let deed = by.deed(Action::RotateKeys, Target::Keys);
        self.audited(deed, self.rotate(by), |_| Facts::default()).await
    }

    /// Lets the announced MAC key make refresh tokens, as soon as every node has had the time to read it. What was made before stays good.
    pub async fn rotate_mac_keys(&self, by: &Bearer) -> Result<RingInfo, Fault> {
        let deed = by.deed(Action::RotateMacKeys, Target::Keys);
        self.audited(deed, self.rotate_macs(by), |_| Facts::default()).await
    }

    /// Stops a key from signing; what it signed stays good until it expires.
    pub async fn retire_key(&self, by: &Bearer, kid: &str) -> Result<KeyInfo, Fault> {
        let deed = by.deed(Action::RetireKey, Target::Key(Text::of(kid)));
        self.audited(deed, self.retire(by, kid), |_| Facts::default()).await
    }

    /// Takes back everything that a key signed: in the log, so that every edge refuses at once, and in the ring, where its standby
    /// signs from now on.
    pub async fn revoke_key(&self, by: &Bearer, kid: &str) -> Result<KeyInfo, Fault> {
        let deed = by.deed(Action::Revoke, Target::Key(Text::of(kid)));
        self.audited(deed, self.take_back_key(by, kid), |_| Facts::default()).await
    }

    /// Carries out an effect between its two lines. Without the first there is none, but for one that only takes back: a full disk must
    /// not keep a stolen token alive.
    pub(super) async fn audited<T>(
        &self,
        deed: Deed,
        effect: impl Future<Output = Result<T, Fault>>,
        facts: impl FnOnce(&T) -> Facts,
    ) -> Result<T, Fault> {
        let Some(trail) = &self.audit else { return effect.await };
        let id = self.event_id();
        if let Err(why) = trail.intend(id, self.now(), deed.clone()).await
            && !deed.action.takes_back()
        {
            return Err(Unavailable::AuditTrail(why).into());
        }
        let done = effect.await;
        let (ending, facts) = match &done {
            Ok(answer) => (Ending::Done, facts(answer)),
            Err(fault) => (ending_of(fault), Facts { code: Some(fault.code().name()), ..Facts::default() }),
        };
        trail.conclude(id, self.now(), deed, ending, facts);
        done
    }

    /// The store has ended a session because a superseded refresh token was presented; nobody asked for it.
    pub(super) fn reuse_was_detected(&self, caller: &Caller, session: &Session) {
        let deed = Deed {
            subject: Some(Text::of(&session.subject)),
            client_id: Some(Text::of(&session.client_id)),
            ..caller.deed(Action::ReuseDetected, Target::Session(session.sid))
        };
        self.it_happened(deed, self.now());
    }

    /// A session was ended so that another one of its subject could be opened.
    pub(super) fn session_was_displaced(&self, by: &Bearer, subject: &str, sid: Sid) {
        let deed = Deed { subject: Some(Text::of(subject)), ..by.deed(Action::SessionDisplaced, Target::Session(sid)) };
        self.it_happened(deed, self.now());
    }

    /// A key is in another state since the last look; nobody asks for that when its time comes.
    pub(super) fn key_has_turned(&self, kid: &str, state: &str, at: Moment) {
        let by = By { client_id: Text::of(THE_NODE), jti: None };
        let deed = Deed { reason_code: Some(Text::of(state)), ..Deed::new(Action::KeyTurned, Target::Key(Text::of(kid)), by) };
        self.it_happened(deed, at);
    }

    /// One line alone: there was no intent.
    fn it_happened(&self, deed: Deed, at: Moment) {
        if let Some(trail) = &self.audit {
            trail.conclude(self.event_id(), at, deed, Ending::Done, Facts::default());
        }
    }

    fn event_id(&self) -> EventId {
        EventId::new(Stamp::from_millis(self.now().millis()), &self.random())
    }
}

impl Bearer {
    fn deed(&self, action: Action, target: Target) -> Deed {
        let by = By { client_id: Text::of(&self.client_id), jti: Some(self.jti) };
        Deed { asked: self.asked.clone(), ..Deed::new(action, target, by) }
    }
}

impl Caller {
    pub(super) fn deed(&self, action: Action, target: Target) -> Deed {
        let by = By { client_id: Text::of(&self.client.id), jti: None };
        Deed { asked: self.asked.clone(), ..Deed::new(action, target, by) }
    }
}

/// What a line says of the session that it is about.
pub(super) fn whose(owner: Option<&Owner>) -> Facts {
    let (subject, client_id) = owner.map(|owner| (Text::of(&owner.subject), Text::of(&owner.client_id))).unzip();
    Facts { subject, client_id, ..Facts::default() }
}

fn target_of(target: &RevokeTarget) -> (Target, Option<Text>) {
    match target {
        RevokeTarget::Token(jti) => (Target::Token(*jti), None),
        RevokeTarget::Session(sid) => (Target::Session(*sid), None),
        RevokeTarget::Subject { subject, client_id, .. } => (Target::Subject(Text::of(subject)), client_id.as_deref().map(Text::of)),
        RevokeTarget::Client(client) => (Target::Client(Text::of(client)), None),
        RevokeTarget::All => (Target::All, None),
        RevokeTarget::Key(kid) => (Target::Key(Text::of(kid)), None),
    }
}

/// What failed on our side may have happened before it failed.
fn ending_of(fault: &Fault) -> Ending {
    match fault {
        Fault::Denied(_) | Fault::Unproven(_) | Fault::Refused(_) => Ending::Refused,
        Fault::Unavailable(_) => Ending::Unknown,
    }
}
