use super::*;
use proptest::prelude::*;

/// The finds, each as the whole text.
const FOUND: &[(Kind, &[&str])] = &[
    (
        Kind::Email,
        &[
            "anna.berg@web.de",
            "A@B.CO",
            "o'neil+news@mail.example.co.uk",
            "müller@münchen.de",
            "x_1@sub-domain.firma.museum",
            "anna@test.com",
            "anna@myexample.com",
            "анна@почта.рф",
        ],
    ),
    (
        Kind::Phone,
        &[
            "+49 30 1234567",
            "+4917612345678",
            "+44 (0) 20 7946 0958",
            "+44 20 7946 0958",
            "+33 6 12 34 56 78",
            "+1 (212) 456-7890",
            "+1-212-456-7890",
            "+12124567890",
            "(212) 456-7890",
            "212-456-7890",
            "212.456.7890",
            "(030) 1234567",
            "(11) 91234-5678",
            "06 12 34 56 78",
            "06.12.34.56.78",
            "030 12345678",
            "0171/1234567",
            "0171 123 45 67",
            "090-1234-5678",
            "020 7946 0958",
        ],
    ),
    (
        Kind::Card,
        &[
            "4556737586899855",
            "4556 7375 8689 9855",
            "4556-7375-8689-9855",
            "5425233430109903",
            "2720992593319364",
            "374245455400126",
            "3742 454554 00126",
            "36227206271667",
            "6011000991300009",
        ],
    ),
    (
        Kind::Iban,
        &[
            "DE89370400440532013000",
            "DE89 3704 0044 0532 0130 00",
            "GB29NWBK60161331926819",
            "NO9386011117947",
        ],
    ),
    (Kind::Ip, &["85.214.132.117", "8.8.4.44", "2a02:908:1234:5678::1", "2001:4860:4860:0:0:0:0:8888"]),
    (
        Kind::Token,
        &[
            "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U",
            "AKIAIOSFODNN7EXAMPL3",
            "ghp_16C7e42F292c6912E7710c838347Ae178B4a",
            "glpat-Zx81Kk20qPq81LwMzY73",
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA\n-----END RSA PRIVATE KEY-----",
        ],
    ),
    (
        Kind::PasswordHash,
        &[
            "$2y$10$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy",
            "$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW",
            "$argon2id$v=19$m=65536,t=2,p=1$gZiV/M1gPc22ElAH/Jh1Hw$CWOrkoo7oJBQ/iyh7uJ0LO2aLEfrHwTWllSAxT0zRno",
            "$P$B12345678KZC1gXnwUYTdDOHn9Lq1E0",
            "$6$rounds=5000$usesomesillystri$D4IrlXatmP7rx3P3InaxBeoomnAihCKRVQAr/36eYPQ1Z3Vd1rMT3mUSQVl8xFqB0V1Yr9xJpWkWBSZ6Rx1kg/",
            "$5$MnfsQ4iN$ZMTppKN16y/tIsUYs/obHlhdP.Os80yXhTurpBMUbA5",
            "pbkdf2_sha256$260000$Jq1nDkzO2pWz$4V5hU6Q0bqjJt1Xl6uH1Q1v9cMd1k2iE8zq3E3xDqkE=",
            "scrypt:32768:8:1$sAlTsAlT$0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
        ],
    ),
];

/// What resembles a find and is none.
const HARMLESS: &[&str] = &[
    // Nobody's.
    "anna@example.test",
    "e7d2@Example.TEST",
    "anna@example.com",
    "anna@mail.example.org",
    "a@b.invalid",
    "a@some.example",
    "git@github.com",
    "noreply@shop.de",
    "icon@2x.png",
    "@types/node@20.1.3",
    "@media screen",
    "user@host",
    "a@b.c",
    "anna@.de",
    "at @ sign",
    "+15550000042",
    "+1555 123 4567",
    "+1 212 555 0123",
    "(555) 234-5678",
    "212-555-0123",
    "+49 000000000",
    "$2y$10$92IXUNpkjO0rOQ5byMi.Ye4oKoEa3Ro9llC/.og/at2.uheWG/igi",
    "4111 1111 1111 1111",
    "4242424242424242",
    "378282246310005",
    "0000000000000000",
    // Networks of nobody in particular.
    "10.1.2.3",
    "192.168.40.77",
    "172.20.0.5",
    "127.0.0.1",
    "169.254.77.1",
    "100.100.1.200",
    "192.0.2.55",
    "198.51.100.99",
    "203.0.113.200",
    "255.255.255.255",
    "0.0.0.0",
    "120.0.0.0",
    "::1",
    "fe80::1ff:fe23:4567:890a",
    "2001:db8::8a2e:370:7334",
    "fd12:3456:789a::1",
    // Versions.
    "1.2.3.4",
    "v8.214.132.117",
    "Chrome/120.0.6099.109",
    "Chrome/120.0.1.99 Safari/537.36",
    "1.3.6.1.4.1.311.21.20",
    "4.15.0-213-generic",
    "85.214.132.117.5",
    "385.214.132.117",
    "85.014.132.117",
    "a::b",
    "std::vec::Vec",
    "App\\Models\\Post::class",
    "00:1a:2b:3c:4d:5e",
    "12:30:45",
    // Times.
    "1700000000",
    "1700000000000",
    "1700000000000000",
    "1700000000000000000",
    "2024-01-31",
    "2024-01-31 12:30:45",
    "2024-01-31T12:30:45.123456+02:00",
    "2024-01-31 12:30:45.123456",
    "01.02.2024 12:30",
    "01/02/2024 12:30:00",
    "01-02-2024",
    "06.12.2024",
    "20240131123045",
    "12.03.2024 - 15.03.2024",
    "2019-2024",
    "(2024) 12345678",
    // Ids and amounts.
    "1234567890",
    "0123456789",
    "4929412345678",
    "123456789012345678",
    "1234567890123456789",
    "9007199254740993",
    "100-200-3000",
    "123-456-7890",
    "2024-0001-0002",
    "INV-2024-000123",
    "0-306-40615-2",
    "978-3-16-148410-0",
    "000123 456789",
    "1,234,567,890.12",
    "1.234.567.890",
    "0.1234567890",
    "-0.123456789",
    "52.520008, 13.404954",
    "+52.520008 +13.404954",
    "1+2345678901",
    "12 34 56 78 90",
    "#4556737586899855",
    "4556737586899856",
    "order4556737586899855",
    "4556737586899855.25",
    "DE88370400440532013000",
    "DE8937040044053201300",
    "XX89370400440532013000",
    "DE00000000000000000000",
    "ABDE89370400440532013000",
    "DIN EN 60529",
    // Uuids, names, places.
    "6f9619ff-8b86-d011-b42d-00c04fc964ff",
    "6F9619FF-8B86-4011-B42D-00C04FC964FF",
    "6f9619ff8b864011b42d00c04fc964ff",
    "01HF5Y8Q6W2ZJ6N8A9X7V4B3C2",
    "https://shop.de/a/very/long/path/to/a/product-with-a-name.html?id=123456",
    "App\\Notifications\\OrderShippedNotificationForCustomersOfTheShop",
    "the_quick_brown_fox_jumps_over_the_lazy_dog",
    "TheQuickBrownFoxJumpsOverTheLazyDogAndRunsAway2",
    "sk_live_your_key_goes_here_please",
    "eyJhbGciOiJIUzI1NiJ9",
    "price: $2 and $5 or $6",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "0000000000000000000000000000000000000000",
    "12345678901234567890123456789012345678901234567890",
    "----------------------------------------",
    "",
    " ",
    "@",
    "+",
    "$",
    "(",
];

#[test]
fn every_shape_is_found_alone_and_inside_a_text() {
    for (kind, samples) in FOUND {
        for sample in *samples {
            assert_eq!(whole(sample.as_bytes()), Some(*kind), "{sample}");
            assert_eq!(whole(format!(" {sample}\r\n").as_bytes()), Some(*kind), "{sample}");
            for text in [
                format!("call or write: {sample}, thanks"),
                format!("<a>{sample}</a>"),
                format!("[\"{sample}\"]"),
                format!("{sample} is it; 12 of 2024"),
                format!("On 2024-01-31 12:30 she gave \"{sample}\"."),
                format!("см. {sample} 谢谢"),
            ] {
                assert_eq!(contained(text.as_bytes()), Some(*kind), "{text}");
                assert_eq!(whole(text.as_bytes()), None, "{text}");
            }
        }
    }
}

#[test]
fn what_is_harmless_or_something_else_is_not_found() {
    for sample in HARMLESS {
        for text in [
            (*sample).to_owned(),
            format!("see {sample}, please"),
            format!("\"{sample}\""),
            format!("({sample})"),
        ] {
            assert_eq!(contained(text.as_bytes()), None, "{text}");
        }
        assert_eq!(whole(sample.as_bytes()), None, "{sample}");
    }
}

#[test]
fn long_random_words_are_told_from_names_and_numbers() {
    for random in [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "d41d8cd98f00b204e9800998ecf8427e",
        "wJalrXUtnFEMI7K7MDENGbPxRfiCYzQ4kT2v8LmE",
        "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA=",
    ] {
        assert_eq!(whole(random.as_bytes()), Some(Kind::RandomText), "{random}");
        assert_eq!(contained(random.as_bytes()), None, "{random}");
    }
}

#[test]
fn addresses_in_a_text_are_found_one_by_one() {
    let text = b"a@b.de, x@example.test; <c.d@e.fr>.";
    let found: Vec<&[u8]> = emails(text).map(|span| &text[span]).collect();
    assert_eq!(found, [b"a@b.de".as_slice(), b"c.d@e.fr"]);
}

fn luhn_digit(digits: &str) -> char {
    let sum: u32 = digits
        .chars()
        .rev()
        .enumerate()
        .map(|(at, digit)| {
            let digit = digit.to_digit(10).unwrap();
            match at % 2 {
                0 if digit > 4 => digit * 2 - 9,
                0 => digit * 2,
                _ => digit,
            }
        })
        .sum();
    char::from_digit((10 - sum % 10) % 10, 10).unwrap()
}

proptest! {
    #[test]
    fn no_bytes_make_a_panic_and_finds_are_inside(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = whole(&bytes);
        if let Some((_, span)) = find(&bytes) {
            prop_assert!(span.start < span.end && span.end <= bytes.len());
        }
    }

    #[test]
    fn no_text_of_their_own_letters_makes_a_panic(text in "[-0-9+@.:$ ()/_=eyJDE2xn]{0,80}") {
        let _ = whole(text.as_bytes());
        let _ = contained(text.as_bytes());
    }

    #[test]
    fn plain_numbers_are_nothing(number in any::<u64>()) {
        let text = number.to_string();
        prop_assume!(whole(text.as_bytes()) != Some(Kind::Card));
        prop_assert_eq!(whole(text.as_bytes()), None);
        prop_assert_eq!(contained(format!("id={text};").as_bytes()), None);
    }

    #[test]
    fn times_are_nothing(seconds in 1_000_000_000_i64..2_200_000_000, micros in 0_i32..1_000_000) {
        let time = jiff::Timestamp::new(seconds, micros * 1000).unwrap();
        for text in [time.to_string(), time.as_millisecond().to_string(), time.as_microsecond().to_string(),
            time.strftime("%d.%m.%Y %H:%M").to_string(), time.strftime("%Y%m%d%H%M%S").to_string(),
            time.strftime("%m/%d/%Y %H:%M:%S").to_string(), time.strftime("%d-%m-%Y").to_string()] {
            prop_assert_eq!(contained(text.as_bytes()), None, "{}", text);
            prop_assert_eq!(whole(text.as_bytes()), None, "{}", text);
        }
    }

    #[test]
    fn uuids_are_nothing(number in any::<u128>()) {
        let hex = format!("{number:032x}");
        let uuid = format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..]);
        prop_assert_eq!(whole(uuid.as_bytes()), None);
        prop_assert_eq!(contained(uuid.as_bytes()), None);
        let plain = uuid.replace('-', "");
        prop_assert_eq!(whole(plain.as_bytes()), None);
        prop_assert_eq!(contained(plain.as_bytes()), None);
    }

    #[test]
    fn our_own_masks_are_nothing(id in any::<u64>(), hex in any::<u128>()) {
        let hex = format!("{hex:032x}");
        for mask in [format!("+1555{id:07}"), format!("User_{id}"), format!("{id} Example St"), format!("text_{hex}"),
            format!("{hex}@example.test")] {
            prop_assert_eq!(contained(mask.as_bytes()), None, "{}", mask);
        }
    }

    #[test]
    fn every_card_of_an_issuer_is_found(digits in "4[0-9]{5}[1-9][0-8][0-9]{3}[1-9]{3}1") {
        let card = format!("{digits}{}", luhn_digit(&digits));
        prop_assert_eq!(whole(card.as_bytes()), Some(Kind::Card), "{}", card);
    }

    #[test]
    fn every_address_is_found_in_any_prose(local in "[a-z][a-z0-9.]{0,10}[a-z0-9]", domain in "[a-z]{3,9}", prose in "[a-z ,.]{0,40}") {
        prop_assume!(!["git", "noreply", "donotreply"].contains(&local.as_str()));
        let text = format!("{prose} {local}@{domain}.de {prose}");
        prop_assert_eq!(contained(text.as_bytes()), Some(Kind::Email));
    }
}
