//! What the first start says on standard output: the administrator's secret, this once, and commands ready to paste.

use std::io::Write;

use crate::issuer::FirstRun;

/// Prints the greeting of a first start; later starts say nothing. Not being heard is no reason to stop.
pub(super) fn print(url: &str, first_run: &FirstRun) {
    if !first_run.made_clients {
        return;
    }
    let secret = match &first_run.admin_secret {
        Some(secret) => secret.expose(|secret| format!("export MINTAGE_CLIENT_SECRET={secret}   # shown this once, kept hashed")),
        None => "export MINTAGE_CLIENT_SECRET=\"$MINTAGE_ADMIN_SECRET\"".to_owned(),
    };
    let text = TOUR.replace("{secret}", &secret).replace("{url}", url);
    let _ = std::io::stdout().lock().write_all(text.as_bytes());
}

const TOUR: &str = r##"
# Mintage is new here: it has made keys, a confidential client `admin` and a public client `app`.
# Paste this into another terminal, top to bottom.

export MINTAGE_URL={url} MINTAGE_CLIENT_ID=admin
{secret}
pick() { sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }

# 1. A token for the management API.
ADMIN=$(curl -s -u "admin:$MINTAGE_CLIENT_SECRET" -d grant_type=client_credentials $MINTAGE_URL/oauth/token | pick access_token)

# 2. Open a session for alice at the client `app`: an access token and a refresh token.
OPENED=$(curl -s -H "Authorization: Bearer $ADMIN" -H 'Content-Type: application/json' -d '{"subject":"alice","client_id":"app"}' $MINTAGE_URL/v1/sessions)
SID=$(echo "$OPENED" | pick sid); REFRESH=$(echo "$OPENED" | pick refresh_token); echo "session $SID"

# 3. Refresh it, as the app would.
REFRESHED=$(curl -s -d grant_type=refresh_token -d client_id=app -d "refresh_token=$REFRESH" $MINTAGE_URL/oauth/token)
ACCESS=$(echo "$REFRESHED" | pick access_token); REFRESH=$(echo "$REFRESHED" | pick refresh_token); echo "refreshed"

# 4. The access token is good ...
curl -s -u "admin:$MINTAGE_CLIENT_SECRET" -d "token=$ACCESS" $MINTAGE_URL/oauth/introspect; echo

# 5. ... until the session is revoked: from then on both tokens are refused.
curl -s -X DELETE -H "Authorization: Bearer $ADMIN" $MINTAGE_URL/v1/sessions/$SID; echo
curl -s -u "admin:$MINTAGE_CLIENT_SECRET" -d "token=$ACCESS" $MINTAGE_URL/oauth/introspect; echo
curl -s -d grant_type=refresh_token -d client_id=app -d "refresh_token=$REFRESH" $MINTAGE_URL/oauth/token; echo

"##;
