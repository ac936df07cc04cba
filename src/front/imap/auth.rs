//! LOGIN and AUTHENTICATE (RFC 3501 §6.2, RFC 4616, RFC 4959).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use wire::Secret;
use wire::imap::{Code, Event, Mechanism, Mode};

use super::connection::Connection;
use super::ending::{Ending, Halt};
use crate::account::Login;
use crate::front::login::Door;

type Admitted = Result<Login, Halt>;

/// As the client gave it; user names are kept out of logs, too.
#[derive(Debug)]
struct Credentials {
    user: Secret<Vec<u8>>,
    password: Secret<Vec<u8>>,
}

pub(super) async fn login(
    connection: &mut Connection,
    door: &mut Door,
    user: &[u8],
    password: &Secret<Vec<u8>>,
) -> Admitted {
    // What was answered before should not wait for a slow check.
    connection.flush().await?;
    let (admitted, delay) = door.examine(user, password.expose()).await;
    connection.patiently(door.wait(delay)).await?;
    Ok(admitted?)
}

pub(super) async fn authenticate(
    connection: &mut Connection,
    door: &mut Door,
    mechanism: &Mechanism,
    initial: Option<Secret<Vec<u8>>>,
) -> Admitted {
    let credentials = match mechanism {
        Mechanism::Plain => {
            let response = match initial {
                Some(response) => response,
                None => ask(connection, "").await?,
            };
            plain(&response)?
        }
        Mechanism::Login => {
            let user = match initial {
                Some(user) => user,
                None => ask(connection, "Username:").await?,
            };
            Credentials { user, password: ask(connection, "Password:").await? }
        }
        _ => return Err(Ending::no("That mechanism is not offered").with(Code::Cannot).into()),
    };
    login(connection, door, credentials.user.expose(), &credentials.password).await
}

/// One challenge and its response.
async fn ask(connection: &mut Connection, challenge: &str) -> Result<Secret<Vec<u8>>, Halt> {
    connection.set_mode(Mode::Data);
    connection.continuation(&STANDARD.encode(challenge));
    let event = connection.event().await;
    connection.set_mode(Mode::Command);
    let Event::Data(line) = event? else {
        return Err(Halt::Farewell("Expected a line of the login"));
    };
    if line.expose().as_slice() == b"*" {
        return Err(Ending::bad("Login cancelled").into());
    }
    match STANDARD.decode(line.expose()) {
        Ok(response) => Ok(Secret::new(response)),
        Err(_) => Err(Ending::bad("That is not base64").into()),
    }
}

/// `[authzid] NUL authcid NUL password` (RFC 4616 §2). Acting for someone else is not offered.
fn plain(response: &Secret<Vec<u8>>) -> Result<Credentials, Ending> {
    let parts: Vec<&[u8]> = response.expose().split(|byte| *byte == 0).collect();
    let [acts_as, user, password] = parts[..] else {
        return Err(Ending::bad("A PLAIN login has three parts"));
    };
    if !acts_as.is_empty() && acts_as != user {
        let refusal = Ending::no("Logging in for another user is not possible");
        return Err(refusal.with(Code::AuthorizationFailed));
    }
    let (user, password) = (Secret::new(user.to_vec()), Secret::new(password.to_vec()));
    Ok(Credentials { user, password })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(response: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
        let Credentials { user, password } = plain(&Secret::new(response.to_vec())).ok()?;
        Some((user.into_exposed(), password.into_exposed()))
    }

    #[test]
    fn plain_names_one_user_once_or_twice_and_never_two() {
        let expected = Some((b"tim".to_vec(), b"tanstaaftanstaaf".to_vec()));
        assert_eq!(read(b"\0tim\0tanstaaftanstaaf"), expected);
        assert_eq!(read(b"tim\0tim\0tanstaaftanstaaf"), expected);
        assert_eq!(read(b"ursel\0tim\0tanstaaftanstaaf"), None);
        assert_eq!(read(b"tim\0tanstaaftanstaaf"), None);
    }
}
