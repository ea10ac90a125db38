//! What the first start says on standard output: the administrator's secret, this once, and commands ready to paste.

use std::io::Write;

use crate::issuer::FirstRun;

/// Prints the greeting of a first start; later starts say nothing. Not being heard is no reason to stop.
pub(super) fn print(url: &str, first_run: &FirstRun) {
    if !first_run.made_clients {
        return;
    }
    let (about, secret) = match &first_run.admin_secret {
        Some(secret) => (
            "The secret of admin is shown this once and kept hashed (lost: mintage clients reset-admin).",
            secret.expose(|secret| format!("={secret}")),
        ),
        None => ("The secret of admin is the one that was given.", "=\"$MINTAGE_ADMIN_SECRET\"".to_owned()),
    };
    let text = TOUR.replace("{about}", about).replace("{secret}", &secret).replace("{url}", url);
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

// A line that begins with `#` is a command to a zsh without options, which does not know it. Hence: only two, at the top, without anything
// that a shell would carry out.
const TOUR: &str = r##"
# Mintage is new here: it has made keys, a confidential client named admin and a public client named app.
# {about} Paste this into another terminal, top to bottom.

export MINTAGE_URL={url} MINTAGE_CLIENT_ID=admin
export MINTAGE_CLIENT_SECRET{secret}
pick() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

echo '1. A token for the management API.'
ADMIN=$(curl -sS -u "admin:$MINTAGE_CLIENT_SECRET" -d grant_type=client_credentials $MINTAGE_URL/oauth/token | pick access_token)

echo '2. Open a session for alice at the client app: an access token and a refresh token.'
OPENED=$(curl -sS -H "Authorization: Bearer $ADMIN" -H 'Content-Type: application/json' -d '{"subject":"alice","client_id":"app"}' $MINTAGE_URL/v1/sessions)
SID=$(echo "$OPENED" | pick sid); REFRESH=$(echo "$OPENED" | pick refresh_token); echo "session $SID"

echo '3. Refresh it, as the app would.'
REFRESHED=$(curl -sS -d grant_type=refresh_token -d client_id=app -d "refresh_token=$REFRESH" $MINTAGE_URL/oauth/token)
ACCESS=$(echo "$REFRESHED" | pick access_token); REFRESH=$(echo "$REFRESHED" | pick refresh_token); echo "refreshed"

echo '4. The access token is good ...'
curl -sS -u "admin:$MINTAGE_CLIENT_SECRET" -d "token=$ACCESS" $MINTAGE_URL/oauth/introspect; echo

echo '5. ... until the session is revoked: from then on both tokens are refused.'
curl -sS -X DELETE -H "Authorization: Bearer $ADMIN" $MINTAGE_URL/v1/sessions/$SID; echo
curl -sS -u "admin:$MINTAGE_CLIENT_SECRET" -d "token=$ACCESS" $MINTAGE_URL/oauth/introspect; echo
curl -sS -d grant_type=refresh_token -d client_id=app -d "refresh_token=$REFRESH" $MINTAGE_URL/oauth/token; echo

"##;
