//! One run: a message, its trouble, the client's tries, and the truth in the end.

use std::collections::HashMap;
use std::time::Duration;

use m365_sim::{Fault, Hold, Kind, Rule, Tenant};

use super::setting::{self, Size};
use super::trouble::{Moment, Point, Trouble};
use super::{Chance, tell};
use crate::faults::bench::Bench as Patience;
use crate::sending::letters::{BOB, Leaf, Name, Shape, letter, told};
use crate::world::{ADA, SCOPES, World, id};

/// Long enough for whatever is settled when nobody waits any more.
const OVERDUE: Duration = Duration::from_secs(40 * 60);
/// Tries of a client until it is told yes or no.
const TRIES: usize = 8;

/// What a client heard of one try.
enum Heard {
    Reply(String),
    /// The connection broke.
    Nothing,
}

/// Which answer a client waits for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Hears {
    TheFirst,
    /// It hangs up once the message is handed in, and hands it in again at once.
    TheSecond,
}

/// What became of a message.
#[derive(Debug, Eq, PartialEq)]
enum Fate {
    Told,
    Refused,
    /// The client did not come back.
    Open,
}

pub(super) struct Bench {
    world: World,
    size: Size,
    serial: u32,
    /// The requests of each shape.
    probed: HashMap<Shape, Vec<Point>>,
}

impl Bench {
    pub(super) async fn new(size: Size) -> Self {
        let world = World::killable(Tenant::builder().user(ADA), |config| {
            // Time makes leaps here; nobody is to be sent away for that.
            config.limits.idle_smtp = Duration::from_secs(30 * 24 * 60 * 60);
        });
        let world = world.await;
        world.ready().await;
        Self { world, size, serial: 0, probed: HashMap::new() }
    }

    pub(super) async fn play(&mut self, chance: &mut Chance) {
        self.world.tenant.set_switches(|switches| setting::by_chance(switches, chance));
        let (shape, name) = (self.size.shape(chance), setting::name(chance));
        let points = self.probe(shape).await;
        let mut troubles = vec![Trouble::by_chance(&points, chance)];
        if chance.one_in(3) {
            troubles.push(match chance.one_in(2) {
                true => Trouble::of_a_look(chance),
                false => Trouble::by_chance(&points, chance),
            });
        }
        let sending = self.world.tenant.switches().sending;
        tell(&format!("{shape:?} {name:?} {troubles:?} {sending:?}"));
        self.serial += 1;
        let message = letter(&format!("run-{}-", self.serial), shape, name);
        let fate = self.send(&message, (name, troubles), chance).await;
        tell(&format!("{fate:?}"));
        self.recover().await;
        self.come_to_rest().await;
        self.check(&fate, &message);
        self.clean();
    }

    /// The requests that such a message takes, in an undisturbed world.
    async fn probe(&mut self, shape: Shape) -> Vec<Point> {
        if let Some(known) = self.probed.get(&shape) {
            return known.clone();
        }
        self.serial += 1;
        self.world.forget();
        let message = letter(&format!("probe-{}-", self.serial), shape, Name::Own);
        let Heard::Reply(reply) = self.try_once(&message, Vec::new(), Hears::TheFirst).await else {
            panic!("the connection broke without any trouble")
        };
        assert!(reply.starts_with("250 "), "without any trouble: {reply}");
        let own = [
            Kind::CreateMime,
            Kind::ListAttachments,
            Kind::AddAttachment,
            Kind::CreateUploadSession,
            Kind::UploadPiece,
            Kind::Send,
        ];
        let mut points: Vec<Point> = Vec::new();
        for entry in self.world.tenant.journal().entries() {
            if own.contains(&entry.kind) {
                let before = points.iter().filter(|point| point.kind == entry.kind).count();
                points.push(Point { kind: entry.kind, before });
            }
        }
        self.recover().await;
        self.clean();
        self.probed.insert(shape, points.clone());
        points
    }

    /// The client's tries, the first of them with trouble.
    async fn send(
        &mut self,
        message: &[u8],
        (name, troubles): (Name, Vec<Trouble>),
        chance: &mut Chance,
    ) -> Fate {
        let comes_back = !chance.one_in(6);
        let mut troubles = Some(troubles);
        for tried in 1..=TRIES {
            // Only who names its message can be told from someone with a like one.
            let hears = match name == Name::Own && tried == 1 && chance.one_in(6) {
                true => Hears::TheSecond,
                false => Hears::TheFirst,
            };
            let trouble = troubles.take().unwrap_or_default();
            let heard = self.try_once(message, trouble, hears).await;
            let count = self.world.tenant.sent_to(BOB).len();
            assert!(count <= 1, "sent {count} times");
            match heard {
                Heard::Reply(reply) => {
                    tell(&format!("try {tried}: {reply}"));
                    if reply.starts_with('5') {
                        return Fate::Refused;
                    }
                    if reply.starts_with("250 ") {
                        return Fate::Told;
                    }
                    assert!(reply.starts_with('4'), "{reply}");
                }
                Heard::Nothing => tell(&format!("try {tried}: nothing heard")),
            }
            if !comes_back {
                return Fate::Open;
            }
            let wait = chance.pick(&[0, 5, 60, 600]);
            self.world.advance(Duration::from_secs(wait));
            if tried >= 2 {
                self.lift().await;
            }
        }
        panic!("no answer after {TRIES} tries, the last ones without any trouble");
    }

    /// One try, and what is heard of it. A killed bridge is started again.
    async fn try_once(&mut self, message: &[u8], troubles: Vec<Trouble>, hears: Hears) -> Heard {
        let tenant = self.world.tenant.clone();
        for rule in troubles.iter().filter_map(Trouble::rule) {
            tenant.faults().push(rule);
        }
        let stalls = troubles
            .iter()
            .any(|trouble| matches!(trouble, Trouble::Fault { fault: Fault::Stall, .. }));
        let mut holds = Vec::new();
        for trouble in &troubles {
            match trouble {
                Trouble::Kill { point, moment } => {
                    holds.push((hold(&tenant, *point, *moment), point.before, true));
                }
                Trouble::Revoke { point } => {
                    let held = hold(&tenant, *point, Moment::BeforeTheWork);
                    holds.push((held, point.before, false));
                }
                Trouble::Revoked => tenant.revoke(ADA),
                Trouble::Fault { .. } => {}
            }
        }
        let world = &self.world;
        let submitting = async {
            if hears == Hears::TheSecond {
                // Dropped without a word, while the bridge is at work.
                let _ = world.smtp().await.hand_in(ADA, &[BOB], message).await;
            }
            let mut smtp = world.smtp().await;
            let reply = smtp.submit(ADA, &[BOB], message).await;
            // By that the answer counts as heard.
            if reply.starts_with("250 ") {
                smtp.command("NOOP").await;
            }
            (!reply.is_empty()).then_some(Heard::Reply(reply))
        };
        let patient = async {
            match stalls {
                true => Patience::patiently(world, submitting).await,
                false => submitting.await,
            }
        };
        let heard = tokio::select! {
            biased;
            () = killed(&tenant, &holds) => None,
            heard = patient => Some(heard.unwrap_or(Heard::Nothing)),
        };
        tenant.faults().clear();
        if let Some(heard) = heard {
            return heard;
        }
        self.world.kill();
        drop(holds);
        // Half of the time the client is back before the bridge could look at what was left open.
        if self.serial.is_multiple_of(2) {
            let blind = Fault::status(503, "ServiceUnavailable");
            let looks = Rule::on(Kind::FolderDelta).or(Kind::MessageDelta).always();
            tenant.faults().push(looks.answer(blind));
        }
        self.world.start().await;
        Heard::Nothing
    }

    /// No more trouble: faults are gone, the sign-in is good, and whoever had to wait has waited.
    async fn lift(&mut self) {
        self.world.tenant.faults().clear();
        self.world.advance(Duration::from_secs(61 * 60));
        self.world.sign_in(ADA, ADA, SCOPES).await;
        self.world.stop().await;
        self.world.start().await;
    }

    fn spool_is_empty(&self) -> bool {
        let spool = self.world.state.path().join("mail").join(ADA).join("spool");
        std::fs::read_dir(spool).unwrap().next().is_none()
    }

    /// Nothing is being handed in any more, or it waits for time to pass. Whoever left early may have a
    /// submission at work.
    async fn come_to_rest(&self) {
        const TURNS: usize = 200_000;
        for _ in 0..TURNS {
            if self.spool_is_empty() {
                return;
            }
            tokio::task::yield_now().await;
        }
    }

    /// Nobody waits any more, and the bridge has looked twice.
    async fn recover(&mut self) {
        self.world.tenant.faults().clear();
        let mut good = 0;
        for looks in 0..20 {
            self.come_to_rest().await;
            if looks == 3 {
                self.lift().await;
            }
            self.world.advance(OVERDUE);
            good = if self.world.look_later().await { good + 1 } else { 0 };
            if good >= 2 {
                return;
            }
        }
        panic!("the bridge does not recover");
    }

    fn check(&self, fate: &Fate, message: &[u8]) {
        let sent = self.world.tenant.sent_to(BOB);
        let expected = match fate {
            Fate::Told => 1..=1,
            Fate::Refused => 0..=0,
            Fate::Open => 0..=1,
        };
        assert!(expected.contains(&sent.len()), "{fate:?}, and sent {} times", sent.len());
        let drafts = self.world.ada().items("Drafts");
        assert!(drafts.is_empty(), "{fate:?}, and {} drafts are left", drafts.len());
        let copies = self.world.ada().items("Sent Items").len();
        assert_eq!(copies, sent.len(), "{fate:?}: copies in Sent Items");
        for one in sent {
            // A tenant that writes a message anew has its own idea of its texts.
            assert_eq!(files(&one.mime), files(message), "{fate:?}");
        }
        assert!(self.spool_is_empty(), "files are left in the spool");
    }

    fn clean(&self) {
        let ada = self.world.ada();
        for folder in ["Drafts", "Sent Items", "Inbox", "recoverableitemsdeletions"] {
            for item in ada.try_items(folder).unwrap_or_default() {
                ada.outlook().purge(&id(&item));
            }
        }
        self.world.tenant.forget_sent();
        self.world.forget();
    }
}

fn files(mime: &[u8]) -> Vec<Leaf> {
    let is_text = |leaf: &Leaf| leaf.name.is_none() && leaf.kind.starts_with("text/");
    told(mime).into_iter().filter(|leaf| !is_text(leaf)).collect()
}

fn hold(tenant: &Tenant, point: Point, moment: Moment) -> Hold {
    match moment {
        Moment::BeforeTheWork => tenant.hold_before(point.kind),
        Moment::AfterTheWork => tenant.hold(point.kind),
    }
}

/// Resolves when the bridge is to be killed. Requests that only wait for the sign-in to be taken back go on.
async fn killed(tenant: &Tenant, holds: &[(Hold, usize, bool)]) {
    let each = holds.iter().map(|(hold, before, kills)| async move {
        for passed in 0..*before {
            hold.arrived(passed + 1).await;
            hold.step();
        }
        hold.arrived(before + 1).await;
        if !kills {
            tenant.revoke(ADA);
            for passed in *before.. {
                hold.arrived(passed + 1).await;
                hold.step();
            }
        }
    });
    if holds.is_empty() {
        std::future::pending::<()>().await;
    }
    futures_util::future::select_all(each.map(Box::pin)).await;
}
