//! The rows of the shop, as multi-row inserts.

use super::Scale;
use super::insert::Rows;
use super::people::{Dice, Person, address, ip, nickname, password, phone};
use jiff::ToSpan;
use std::collections::VecDeque;

/// A statement ends with the row that takes it over this size, in bytes.
const STATEMENT: usize = 512 * 1024;
const CATEGORIES: u64 = 24;
/// All rows were made within so many seconds before [`Scale::newest`].
const SPAN: u64 = 3 * 365 * 24 * 3600;

/// One table: what the columns are, how many times rows are made, and what makes them.
struct Table {
    name: &'static str,
    columns: &'static str,
    times: u64,
    /// Adds the rows of one time (1, 2, …): usually one.
    rows: fn(&World, u64, &mut Rows),
}

/// What rows of one table have to know about others.
struct World {
    scale: Scale,
    /// Orders of the user with this id, less one.
    order_counts: Vec<u32>,
}

impl World {
    fn new(scale: &Scale) -> Self {
        let mut world = Self { scale: scale.clone(), order_counts: vec![0; scale.users as usize] };
        if scale.users > 0 {
            for order in 1..=scale.orders {
                let customer = world.customer(order);
                world.order_counts[(customer - 1) as usize] += 1;
            }
        }
        world
    }

    fn any_user(&self, dice: &mut Dice) -> u64 {
        1 + dice.below(self.scale.users.max(1))
    }

    fn teams(&self) -> u64 {
        1 + self.scale.users / 40
    }

    /// Who made an order: few people order a lot.
    fn customer(&self, order: u64) -> u64 {
        let mut dice = Dice::new(6, order);
        let regular = 1 + self.scale.users / 10;
        if dice.one_in(3) {
            1 + dice.below(regular).min(self.scale.users.saturating_sub(1))
        } else {
            self.any_user(&mut dice)
        }
    }

    /// When row `n` of `of` was made: later rows later.
    fn time(&self, n: u64, of: u64) -> jiff::civil::DateTime {
        let back = u128::from(of.saturating_sub(n)) * u128::from(SPAN) / u128::from(of.max(1));
        self.scale.newest - (back as i64).seconds()
    }
}

/// All rows of all tables.
pub(super) fn inserts(scale: &Scale) -> impl Iterator<Item = String> + use<> {
    let world = World::new(scale);
    let mut tables = VecDeque::from(tables(&world));
    let mut done = 0;
    std::iter::from_fn(move || {
        while let Some(table) = tables.front() {
            let mut rows = Rows::new(table.name, table.columns);
            while done < table.times && rows.len() < STATEMENT {
                done += 1;
                (table.rows)(&world, done, &mut rows);
            }
            if done == table.times {
                tables.pop_front();
                done = 0;
            }
            if let Some(statement) = rows.finish() {
                return Some(statement);
            }
        }
        None
    })
}

fn tables(world: &World) -> [Table; 13] {
    let scale = &world.scale;
    let table = |name, columns, times, rows| Table { name, columns, times, rows };
    [
        table("`migrations`", "migration, batch", 3, migration),
        table("`teams`", "id, owner_id, name, created_at", world.teams(), team),
        table(
            "`users`",
            "id, team_id, email, name, nickname, phone, password, remember_token, address, birthday, settings, \
             avatar, role, last_ip, last_login_at, order_count, created_at, updated_at",
            scale.users,
            user,
        ),
        table(
            "`sessions`",
            "id, user_id, ip_address, user_agent, payload, last_activity",
            scale.users / 5,
            session,
        ),
        table("`categories`", "id, parent_id, name, position", CATEGORIES, category),
        table(
            "`products`",
            "id, category_id, erp_id, name, description, attributes, price, rating, weight, tags, flags, released, \
             supplier_code, created_at, updated_at",
            scale.products,
            product,
        ),
        table("`product_variants`", "product_id, sku, colour, stock", scale.products, variants),
        table(
            "`orders`",
            "id, user_id, token, status, total, ship_to, note, handling, shipped_at, created_at, updated_at",
            scale.orders,
            order,
        ),
        table(
            "`order_items`",
            "order_id, position, product_id, sku, quantity, unit_price",
            scale.orders,
            items,
        ),
        table("`group`", "`key`, `value`", GROUPS.len() as u64, group),
        table("`order notes`", "`order`, `group`, `text`", scale.orders / 8, note),
        table("`activity_log`", "user_id, action, payload, ip, created_at", scale.activity, activity),
        table("`page_views`", "viewed_on, path, seconds", scale.page_views, page_view),
    ]
}

fn migration(_: &World, n: u64, rows: &mut Rows) {
    const NAMES: [&str; 3] = [
        "2023_01_10_101500_create_shop",
        "2024_03_02_090000_add_variants",
        "2025_11_20_173000_add_settings_to_users",
    ];
    rows.row().text(NAMES[(n - 1) as usize]).raw(n).end();
}

fn team(world: &World, n: u64, rows: &mut Rows) {
    let mut dice = Dice::new(2, n);
    let owner = (world.scale.users > 0).then(|| world.any_user(&mut dice));
    let colour = dice.pick(&["Blue", "Grün", "Rosé", "黒"]);
    rows.row()
        .raw(n)
        .raw_or_null(owner)
        .text(format_args!("Team {colour} {n}"))
        .time(world.time(n, world.teams()))
        .end();
}

fn user(world: &World, n: u64, rows: &mut Rows) {
    let mut dice = Dice::new(3, n);
    let person = Person::new(n);
    let made = world.time(n, world.scale.users);
    let mut row = rows.row();
    row.raw(n);
    row.raw_or_null((!dice.one_in(4)).then(|| 1 + dice.below(world.teams())));
    row.text(&person.email).text(&person.name);
    row.text_or_null(dice.one_in(3).then(|| nickname(&mut dice)));
    row.text_or_null((!dice.one_in(6)).then(|| phone(&mut dice)));
    row.text(password(&mut dice));
    row.text_or_null(dice.one_in(2).then(|| dice.characters("0123456789abcdefghijklmnopqrstuvwxyz", 60)));
    row.text_or_null((!dice.one_in(8)).then(|| address(&mut dice)));
    let birthday = format!("{}-{:02}-{:02}", 1940 + dice.below(65), 1 + dice.below(12), 1 + dice.below(28));
    row.text_or_null((!dice.one_in(5)).then_some(birthday));
    let theme = dice.pick(&["dark", "light", "ünïcode ☕"]);
    let settings = format!(
        r#"{{"theme": "{theme}", "newsletter": {}, "contact": {{"also": "{}", "path": "C:\\{n}"}}, "limits": [1, 2.5, null]}}"#,
        dice.one_in(2),
        person.email
    );
    row.text_or_null((!dice.one_in(7)).then_some(settings));
    if dice.one_in(4) {
        let mut avatar = b"\x89PNG\r\n\x1a\n\0'\"\\".to_vec();
        avatar.extend(dice.bytes::<48>());
        row.hex(&avatar);
    } else {
        row.raw("NULL");
    }
    row.text(match n {
        1 => "admin",
        _ if n <= Scale::STAFF => "staff",
        _ => "customer",
    });
    row.text_or_null((!dice.one_in(5)).then(|| ip(&mut dice)));
    let login = made.strftime("%Y-%m-%d %H:%M:%S");
    row.text_or_null((!dice.one_in(6)).then(|| format!("{login}.{:06}", dice.below(1_000_000))));
    row.raw(world.order_counts[(n - 1) as usize]).time(made).time(made).end();
}

fn session(world: &World, n: u64, rows: &mut Rows) {
    let mut dice = Dice::new(4, n);
    let user = world.any_user(&mut dice);
    let person = Person::new(user);
    rows.row()
        .text(format_args!("{n:x}-{}", dice.characters("0123456789abcdefABCDEF", 30)))
        .raw_or_null((!dice.one_in(4)).then_some(user))
        .text(ip(&mut dice))
        .text_or_null((!dice.one_in(3)).then_some("Mozilla/5.0 (X11; Linux x86_64)"))
        .text(format_args!(
            r#"a:2:{{s:5:"login";s:{}:"{}";s:4:"cart";a:0:{{}}}}"#,
            person.email.len(),
            person.email
        ))
        .raw(1_780_000_000 - dice.below(10_000_000))
        .end();
}

fn category(_: &World, n: u64, rows: &mut Rows) {
    const NAMES: [&str; 8] = ["Books", "Bücher", "Café", "Garden", "Toys", "Kitchen", "Música", "本"];
    // The first four are roots, the rest hang below one that came before.
    let parent = (n > 4).then(|| 1 + Dice::new(5, n).below(n - 1));
    let name = NAMES[(n - 1) as usize % NAMES.len()];
    rows.row().raw(n).raw_or_null(parent).text(format_args!("{name} {n}")).raw(n as i64 % 9 - 4).end();
}

fn product(world: &World, n: u64, rows: &mut Rows) {
    const THINGS: [&str; 8] = [
        "Tea pot",
        "Kaffeemühle",
        "Lámpara",
        "12\" ruler",
        "Rock 'n' roll mug",
        "Żabka toy",
        "茶碗",
        "Crêpe pan",
    ];
    let mut dice = Dice::new(7, n);
    let made = world.time(n, world.scale.products);
    let (thing, emoji) = (dice.pick(&THINGS), dice.pick(&["🫖", "☕", "💡", "👩‍👧"]));
    let mut row = rows.row();
    row.raw(n).raw(1 + dice.below(CATEGORIES));
    // From both ends of the range, so that some do not fit a signed number.
    row.raw(if n.is_multiple_of(2) { n } else { u64::MAX - n });
    row.text(format_args!("{thing} {n}"));
    row.text_or_null(
        (!dice.one_in(6))
            .then(|| format!("A {thing} {emoji}\nfor every day;\t100% \"good\" \\ -- no /* doubt */")),
    );
    let attributes = format!(
        r#"{{"icon": "{emoji}", "naïve": true, "sizes": ["S", "M"], "weight": {}, "nested": {{"empty": {{}}, "quote": "\"'"}}}}"#,
        dice.below(900)
    );
    row.text_or_null((!dice.one_in(9)).then_some(attributes));
    row.raw(format_args!("{}.{:02}", dice.below(900), dice.below(100)));
    // Both need all their digits to come back as they were.
    row.raw_or_null((!dice.one_in(5)).then(|| dice.below(1 << 20) as f32 / 209_716.0));
    row.raw_or_null((!dice.one_in(5)).then(|| dice.below(1 << 50) as f64 / 3.0e12));
    row.text(dice.pick(&["", "new", "new,sale", "eco,gift", "new,sale,eco,gift"]));
    row.raw(dice.below(1 << 12)).raw_or_null((!dice.one_in(4)).then(|| 1990 + dice.below(36)));
    row.text_or_null(dice.one_in(3).then(|| format!("S-{:05}", dice.below(100_000))));
    row.time(made).time(made).end();
}

/// The sku of a product's first or second variant; the case matters.
fn sku(product: u64, second: bool) -> String {
    format!("{}-{product:05}", if second { "b" } else { "B" })
}

fn variants(_: &World, n: u64, rows: &mut Rows) {
    let mut dice = Dice::new(8, n);
    for second in [false, true] {
        let stock = dice.below(300) as i64 - 20;
        rows.row()
            .raw(n)
            .text(sku(n, second))
            .text(dice.pick(&["blå", "rouge", "gold", ""]))
            .raw(stock)
            .end();
    }
}

fn order(world: &World, n: u64, rows: &mut Rows) {
    let mut dice = Dice::new(9, n);
    let made = world.time(n, world.scale.orders);
    let status = dice.pick(&["new", "paid", "shipped", "shipped", "cancelled"]);
    // The number in front keeps tokens apart.
    let mut token = dice.bytes::<16>();
    token[..8].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let mut row = rows.row();
    row.raw(n).raw(world.customer(n)).hex(&token).text(status);
    row.raw(format_args!("{}.{:02}", dice.below(2000), dice.below(100))).text(address(&mut dice));
    let please = dice.pick(&["Ring at Mrs O'Hara's", "Bitte nicht stürzen!", "gift 🎁 for Mum", ""]);
    row.text_or_null(dice.one_in(3).then_some(please));
    let minutes = dice.below(59);
    let handling = match dice.below(4) {
        0 => format!("-01:{minutes:02}:30"),
        1 => format!("{}:{minutes:02}:00", 100 + dice.below(700)),
        _ => format!("05:{minutes:02}:00"),
    };
    row.text_or_null((!dice.one_in(5)).then_some(handling));
    if status == "shipped" {
        row.time(made + 2.days());
    } else {
        row.text("0000-00-00 00:00:00");
    }
    row.time(made).time(made + 3.hours()).end();
}

fn items(world: &World, n: u64, rows: &mut Rows) {
    if world.scale.products == 0 {
        return;
    }
    let mut dice = Dice::new(10, n);
    for position in 1..=1 + dice.below(5) {
        let product = 1 + dice.below(world.scale.products);
        let variant = sku(product, dice.one_in(2));
        rows.row()
            .raw(n)
            .raw(position)
            .raw(product)
            .text_or_null((!dice.one_in(12)).then_some(variant))
            .raw(1 + dice.below(4))
            .raw(format_args!("{}.{:02}", dice.below(900), dice.below(100)))
            .end();
    }
}

const GROUPS: [(&str, &str); 4] = [
    ("internal", "for staff"),
    ("customer's", "what they said"),
    ("naïve ☃", ""),
    ("select", "a word of SQL"),
];

fn group(_: &World, n: u64, rows: &mut Rows) {
    let (key, value) = GROUPS[(n - 1) as usize];
    rows.row().text(key).text(value).end();
}

fn note(world: &World, n: u64, rows: &mut Rows) {
    let mut dice = Dice::new(11, n);
    let order = 1 + dice.below(world.scale.orders);
    let person = Person::new(world.customer(order));
    let text = match dice.below(3) {
        0 => format!("{} called from {}; will call again", person.name, phone(&mut dice)),
        1 => format!("moved to {}\\n\r\n\t('x'); -- \"{}\" \0 \u{1a} %_", address(&mut dice), person.email),
        _ => format!("{} wants the invoice at {} 📧", person.name, person.email),
    };
    let (group, _) = GROUPS[dice.below(GROUPS.len() as u64) as usize];
    rows.row().raw(order).text(group).text(text).end();
}

fn activity(world: &World, n: u64, rows: &mut Rows) {
    let mut dice = Dice::new(12, n);
    let user = world.any_user(&mut dice);
    let person = Person::new(user);
    let payload = match dice.below(3) {
        0 => format!(
            "{} <{}> signed in from {} with Firefox on Linux",
            person.name,
            person.email,
            ip(&mut dice)
        ),
        1 => format!(
            "{} changed the address to {}, phone {}",
            person.name,
            address(&mut dice),
            phone(&mut dice)
        ),
        _ => {
            format!("order {} of {} was sent to {}", dice.below(1_000_000), person.email, address(&mut dice))
        }
    };
    let mut row = rows.row();
    row.raw_or_null((!dice.one_in(8)).then_some(user));
    row.text(dice.pick(&["login", "profile.changed", "order.sent"])).text(payload);
    if dice.one_in(6) {
        row.raw("NULL");
    } else {
        let [a, b] = dice.bytes::<2>();
        let (v4, v6) = ([203, 0, 113, a], [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, a, b]);
        row.hex(if dice.one_in(4) { &v6 } else { &v4 });
    }
    row.time(world.time(n, world.scale.activity)).end();
}

fn page_view(world: &World, n: u64, rows: &mut Rows) {
    let mut dice = Dice::new(13, n);
    let day = world.time(n, world.scale.page_views).date();
    let path = dice.pick(&["/", "/cart", "/produits/thé", "/search?q=%27--"]);
    rows.row().text(day).text(path).raw_or_null((!dice.one_in(4)).then(|| dice.below(3))).end();
}
