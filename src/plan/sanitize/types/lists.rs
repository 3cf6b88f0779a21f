//! What invented values are made of: ASCII, so that every character set holds them, and without quotes. With a key the
//! same value gives the same mask, so a list that changes changes all of them.

#[rustfmt::skip]
pub(super) const FIRST_NAMES: &[&str] = &[
    "Aaliyah", "Abena", "Adebayo", "Agnes", "Ahmed", "Aiko", "Akira", "Alejandro", "Amara", "Amina",
    "Ana", "Anders", "Anil", "Anna", "Aroha", "Arturo", "Ayse", "Beatriz", "Bilal", "Bogdan",
    "Camille", "Carlos", "Chidi", "Chiara", "Dalia", "Daniel", "Deepa", "Diego", "Elena", "Elif",
    "Emeka", "Emma", "Fatima", "Femi", "Finn", "Freya", "Gabriel", "Giulia", "Grace", "Hana",
    "Hassan", "Hiroshi", "Ines", "Ingrid", "Ivan", "Jamal", "Jana", "Jin", "Jonas", "Joseph",
    "Kamala", "Karim", "Katarzyna", "Keanu", "Kofi", "Lakshmi", "Lars", "Layla", "Leon", "Linh",
    "Lucia", "Magnus", "Malia", "Mariam", "Marek", "Mateo", "Mei", "Mikael", "Minh", "Moana",
    "Naomi", "Nikolai", "Noor", "Olga", "Oluwaseun", "Omar", "Pablo", "Pavel", "Priya", "Rania",
    "Ravi", "Rosa", "Ruth", "Samira", "Sanjay", "Seo-yeon", "Siobhan", "Sofia", "Tariq", "Tamar",
    "Thabo", "Tomas", "Viktor", "Wei", "Yara", "Yusuf", "Zainab", "Zoe", "Zofia", "Zuri",
];

#[rustfmt::skip]
pub(super) const LAST_NAMES: &[&str] = &[
    "Abdi", "Abebe", "Adeyemi", "Ahmadi", "Akhtar", "Almeida", "Andersen", "Banerjee", "Barbosa", "Bauer",
    "Bekele", "Berg", "Bianchi", "Botha", "Bouchard", "Castillo", "Chanda", "Chen", "Chukwu", "Cohen",
    "Conti", "Costa", "Dang", "Demir", "Diallo", "Dubois", "Eriksen", "Farouk", "Fernandez", "Fischer",
    "Gallagher", "Garcia", "Georgiou", "Gonzalez", "Gupta", "Haddad", "Hansen", "Hassan", "Hernandez", "Hoang",
    "Horvat", "Ibrahim", "Ivanov", "Jansen", "Jensen", "Johansson", "Kapoor", "Kaya", "Keller", "Khan",
    "Kim", "Kowalski", "Kumar", "Laurent", "Lee", "Levy", "Lindqvist", "Lopez", "Mahlangu", "Makinen",
    "Mbeki", "Mendoza", "Mensah", "Moreau", "Morris", "Murphy", "Mwangi", "Nakamura", "Ndiaye", "Nguyen",
    "Novak", "Nowak", "Okafor", "Oliveira", "Osei", "Papadakis", "Park", "Patel", "Pereira", "Petrov",
    "Popescu", "Quispe", "Rahman", "Ramirez", "Rossi", "Sanchez", "Santos", "Sato", "Schmidt", "Sharma",
    "Silva", "Singh", "Suzuki", "Tanaka", "Tran", "Vargas", "Virtanen", "Walker", "Yamamoto", "Zhang",
];

#[rustfmt::skip]
pub(super) const STREETS: &[&str] = &[
    "Acorn Puzzle Road", "Almanac Avenue", "Amber Kettle Lane", "Astrolabe Street", "Bellows Court",
    "Blue Lantern Road", "Button Mill Lane", "Candlewick Row", "Cardboard Square", "Cartwheel Road",
    "Chalkdust Street", "Clockmaker Lane", "Cobweb Alley", "Copper Teapot Road", "Crayon Crescent",
    "Daydream Avenue", "Doorbell Lane", "Dragonfly Court", "Echo Valley Road", "Elbow Bend",
    "Featherlight Street", "Fiddlestick Lane", "Flannel Avenue", "Foxglove Parade", "Gingerbread Row",
    "Glimmer Street", "Goldfish Terrace", "Gramophone Road", "Hammock Lane", "Hopscotch Street",
    "Inkwell Road", "Jigsaw Avenue", "Juniper Spoon Lane", "Kaleidoscope Way", "Kite Hill Road",
    "Lavender Clock Street", "Lighthouse Row", "Lollipop Lane", "Marble Run", "Marigold Engine Road",
    "Meadowlark Court", "Mitten Street", "Moonbeam Avenue", "Mushroom Ring", "Nutcracker Lane",
    "Orange Umbrella Road", "Paper Boat Lane", "Pebble Post Street", "Pepperpot Square", "Pinwheel Avenue",
    "Puddle Street", "Quill Lane", "Rainbarrel Road", "Ribbon Court", "Rocking Chair Road",
    "Saffron Gate", "Sandglass Street", "Scarecrow Lane", "Seesaw Street", "Silver Thimble Road",
    "Skylark Steps", "Snowglobe Avenue", "Spinning Top Lane", "Starfish Terrace", "Sundial Street",
    "Teacup Lane", "Thistledown Road", "Toffee Court", "Treehouse Avenue", "Tumbleweed Road",
    "Velvet Anchor Street", "Wagonwheel Lane", "Weathervane Road", "Whistle Stop", "Willow Compass Lane",
    "Windmill Puzzle Street", "Wishbone Avenue", "Yarn Spinner Row", "Yonder Street", "Zigzag Lane",
];

#[rustfmt::skip]
pub(super) const CITIES: &[&str] = &[
    "Accra", "Addis Ababa", "Almaty", "Amman", "Amsterdam", "Antananarivo", "Apia", "Asuncion", "Athens", "Auckland",
    "Baku", "Bangkok", "Barcelona", "Belgrade", "Bengaluru", "Bergen", "Bogota", "Brno", "Brisbane", "Bucharest",
    "Busan", "Cairo", "Calgary", "Cape Town", "Casablanca", "Chennai", "Chicago", "Colombo", "Cork", "Cusco",
    "Dakar", "Denver", "Dhaka", "Dublin", "Durban", "Edinburgh", "Fukuoka", "Gdansk", "Geneva", "Ghent",
    "Graz", "Guadalajara", "Hamburg", "Hanoi", "Havana", "Helsinki", "Istanbul", "Izmir", "Jaipur", "Jakarta",
    "Kampala", "Kathmandu", "Kigali", "Krakow", "Kyoto", "Lagos", "Lahore", "La Paz", "Leipzig", "Lima",
    "Lisbon", "Ljubljana", "Lusaka", "Lyon", "Manila", "Maputo", "Marseille", "Medellin", "Melbourne", "Montevideo",
    "Montreal", "Mumbai", "Nairobi", "Naples", "Oslo", "Ottawa", "Penang", "Porto", "Prague", "Quito",
    "Recife", "Reykjavik", "Riga", "Rotterdam", "Salvador", "Santiago", "Sapporo", "Sarajevo", "Seattle", "Seville",
    "Sofia", "Tallinn", "Tbilisi", "Tunis", "Turin", "Utrecht", "Valencia", "Vilnius", "Warsaw", "Yerevan",
];

/// One word each: what follows is one of [`BUSINESSES`].
#[rustfmt::skip]
pub(super) const COMPANIES: &[&str] = &[
    "Alderquill", "Amberfinch", "Applethorn", "Ashwhistle", "Birchwaddle", "Bluepebble", "Bramblefox", "Brightkettle",
    "Bumblegate", "Candlebrook", "Cinderplum", "Cloudthimble", "Cobblewink", "Coppermoth", "Crumpetvale", "Dandypine",
    "Dappleford", "Dewlantern", "Driftbutton", "Dustwillow", "Elmsprocket", "Emberduck", "Fableroot", "Fernwhisk",
    "Fiddlemoss", "Flintpuddle", "Foggyplume", "Frostbagel", "Gigglestone", "Glimmeroak", "Goosefeather", "Hazelknob",
    "Hollowspoon", "Honeycrank", "Inkyotter", "Ivorymitten", "Jollyrudder", "Junipernut", "Kettlewing", "Larkbucket",
    "Lemonquartz", "Lumenbadger", "Maplecog", "Marblewren", "Mistyhedge", "Moonspindle", "Mossyanchor", "Nettlebay",
    "Noodlecrest", "Oakenbubble", "Opalturnip", "Otterwick", "Pebblemint", "Pepperbloom", "Plumwhistle", "Quillbarrow",
    "Quietbadger", "Ravenbiscuit", "Riddlepond", "Rustypetal", "Saffronleap", "Silvergnome", "Snowyladle", "Sparrowfig",
    "Spindlewood", "Starcrumble", "Stonepickle", "Sunnygasket", "Tanglebird", "Teapotridge", "Thistlegear", "Tinderswan",
    "Toffeehill", "Topazmuffin", "Twigharbor", "Velvetbeet", "Waffleton", "Willowsprig", "Winterpesto", "Zephyrbean",
];

#[rustfmt::skip]
pub(super) const BUSINESSES: &[&str] = &[
    "AB", "AG", "BV", "Consulting", "Foods", "GmbH", "Group", "Inc", "Labs", "LLC", "Logistics", "Ltd", "Media", "Partners",
    "Pty Ltd", "SA", "SARL", "Software", "SpA", "Trading",
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn entries_are_plain_and_occur_once() {
        for (list, longest) in [
            (FIRST_NAMES, 9),
            (LAST_NAMES, 9),
            (STREETS, 22),
            (CITIES, 12),
            (COMPANIES, 12),
            (BUSINESSES, 10),
        ] {
            assert_eq!(list.iter().collect::<BTreeSet<_>>().len(), list.len());
            assert_eq!(list.iter().map(|entry| entry.len()).max(), Some(longest), "{}", list[0]);
            let plain = |c: char| c.is_ascii_alphabetic() || c == ' ' || c == '-';
            assert!(list.iter().all(|entry| entry.chars().all(plain) && entry.trim() == *entry));
        }
    }

    /// The proof of masks splits values at the first space.
    #[test]
    fn what_stands_in_front_is_one_word() {
        assert!(FIRST_NAMES.iter().chain(COMPANIES).all(|entry| !entry.contains(' ')));
    }
}
