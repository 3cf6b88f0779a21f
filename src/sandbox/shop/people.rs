//! Dice that fall the same every time, and people who do not exist.

/// A sequence of numbers that is a function of a table and a row (SplitMix64: fast, and good enough for this).
#[derive(Debug)]
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(table: u64, row: u64) -> Self {
        let mut dice = Self(table.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ row);
        dice.next();
        dice
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// Whether something happens that does in one of `n` cases.
    pub(super) fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.next() as usize % choices.len()]
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next() as u8)
    }

    /// `n` characters of `alphabet`.
    pub(super) fn characters(&mut self, alphabet: &str, n: usize) -> String {
        let alphabet = alphabet.as_bytes();
        (0..n).map(|_| char::from(alphabet[self.next() as usize % alphabet.len()])).collect()
    }
}

/// First names and how they look in a mail address.
const FIRST: [(&str, &str); 24] = [
    ("Anna", "anna"),
    ("José", "jose"),
    ("Zoë", "zoe"),
    ("Łukasz", "lukasz"),
    ("Søren", "soren"),
    ("Ayşe", "ayse"),
    ("Nguyễn", "nguyen"),
    ("美咲", "misaki"),
    ("Мария", "maria"),
    ("Seán", "sean"),
    ("Chloé", "chloe"),
    ("Jürgen", "juergen"),
    ("Emily", "emily"),
    ("Matteo", "matteo"),
    ("Ελένη", "eleni"),
    ("Yusuf", "yusuf"),
    ("Freya", "freya"),
    ("Nikolaï", "nikolai"),
    ("محمد", "mohamed"),
    ("Aleksandra", "aleksandra"),
    ("Thomas", "thomas"),
    ("Bjørn", "bjorn"),
    ("Inês", "ines"),
    ("David", "david"),
];

const LAST: [(&str, &str); 24] = [
    ("Müller", "mueller"),
    ("García", "garcia"),
    ("O'Brien", "obrien"),
    ("Nowak", "nowak"),
    ("Østergård", "ostergard"),
    ("Yılmaz", "yilmaz"),
    ("Trần", "tran"),
    ("山田", "yamada"),
    ("Иванова", "ivanova"),
    ("D'Angelo", "dangelo"),
    ("Lefèvre", "lefevre"),
    ("Weiß", "weiss"),
    ("Smith", "smith"),
    ("Rossi", "rossi"),
    ("Παπαδοπούλου", "papadopoulou"),
    ("Kaya", "kaya"),
    ("Lindström", "lindstroem"),
    ("Dubois", "dubois"),
    ("الحسن", "alhassan"),
    ("Wójcik", "wojcik"),
    ("Becker", "becker"),
    ("Nilsen", "nilsen"),
    ("de Souza", "desouza"),
    ("Johnson", "johnson"),
];

/// What latin1 can hold, the euro sign of its Windows form included.
const NICKNAMES: [&str; 8] = ["Zoë", "Señor", "Jürgi", "Mañana", "Ça va", "Größe", "5 €", "Æthel"];
const STREETS: [&str; 8] = [
    "Lindenstraße",
    "Rue de l'Église",
    "Calle Peñón",
    "Elm Street",
    "ul. Świętokrzyska",
    "Sørkedalsveien",
    "Via Università",
    "Station Road",
];
const TOWNS: [&str; 8] = [
    "10969 Berlin",
    "75011 Paris",
    "28004 Madrid",
    "Leeds LS1 4DY",
    "00-052 Warszawa",
    "0369 Oslo",
    "20122 Milano",
    "8001 Zürich",
];
const MAIL: [&str; 4] = ["example.org", "example.net", "mail.example", "post.example"];

/// Somebody: the owner of the row of `users` with this id.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) email: String,
}

impl Person {
    pub(super) fn new(id: u64) -> Self {
        let mut dice = Dice::new(1, id);
        let (first, first_plain) = FIRST[dice.next() as usize % FIRST.len()];
        let (last, last_plain) = LAST[dice.next() as usize % LAST.len()];
        let staff = id <= super::Scale::STAFF;
        let host = if staff { "yourcompany.com" } else { dice.pick(&MAIL) };
        Self { name: format!("{first} {last}"), email: format!("{first_plain}.{last_plain}{id}@{host}") }
    }
}

/// A number in a range that is kept for films and books.
pub(super) fn phone(dice: &mut Dice) -> String {
    let n = dice.next();
    match n % 3 {
        0 => format!("+49 30 23125 {:03}", n / 3 % 1000),
        1 => format!("+1 (415) 555-01{:02}", n / 3 % 100),
        _ => format!("+44 20 7946 0{:03}", n / 3 % 1000),
    }
}

pub(super) fn address(dice: &mut Dice) -> String {
    let (street, town) = (dice.pick(&STREETS), dice.pick(&TOWNS));
    format!("{street} {}, {town}", 1 + dice.below(180))
}

pub(super) fn nickname(dice: &mut Dice) -> &'static str {
    dice.pick(&NICKNAMES)
}

/// Looks like what bcrypt makes, and is no hash of anything.
pub(super) fn password(dice: &mut Dice) -> String {
    const ALPHABET: &str = "./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    format!("$2y$10${}", dice.characters(ALPHABET, 53))
}

/// An address in a network that is kept for documentation.
pub(super) fn ip(dice: &mut Dice) -> String {
    if dice.one_in(5) {
        format!("2001:db8::{:x}", dice.below(0x1_0000))
    } else {
        format!("203.0.113.{}", dice.below(256))
    }
}
