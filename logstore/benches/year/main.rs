//! A year of a company in the register: what it takes on the disk, how long it takes to find, prove and erase things in it.
//!
//! `taskset -c 1 cargo bench -p logstore --bench year -- [--records 60000000] [--days 366] [--dir FOLDER] [--keep]`;
//! `--bundle` measures a bundle of all records alone: `--records 1500000 --bundle` is one of a heavy year of one person.
//!
//! Beside it stands what there is today: the same visits as Squid's access.log, packed with `gzip -9`, looked through with
//! zgrep. Of these a few days are made and the rest is reckoned from them; everything of the register is measured whole.

mod traffic;

use logstore::bundle::{Bundle, Encryption, Head, Kind, Options};
use logstore::stats::Calendar;
use logstore::{HostFilter, Importer, Keys, Search, Settings, verify, visit, visit_proven};
use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use traffic::Traffic;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const DAY: i64 = 86_400_000_000;
const PEOPLE: usize = 83;
const HOSTS: usize = 20_000;
/// One of them.
const PERSON: &str = "k.nom-de-famille10";
/// Days that are also written as a log.
const LOGGED: i64 = 10;

struct Asked {
    records: usize,
    days: i64,
    dir: PathBuf,
    keep: bool,
    bundle: bool,
}

fn main() -> Result<()> {
    let asked = asked()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(run(&asked))?;
    if !asked.keep {
        std::fs::remove_dir_all(&asked.dir)?;
    }
    Ok(())
}

fn asked() -> Result<Asked> {
    let mut asked = Asked {
        records: 60_000_000,
        days: 366,
        dir: std::env::temp_dir().join(format!("register-year-{}", std::process::id())),
        keep: false,
        bundle: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--records" => asked.records = arguments.next().ok_or("--records N")?.parse()?,
            "--days" => asked.days = arguments.next().ok_or("--days N")?.parse()?,
            "--dir" => asked.dir = arguments.next().ok_or("--dir FOLDER")?.into(),
            "--keep" => asked.keep = true,
            "--bundle" => asked.bundle = true,
            _ => {}
        }
    }
    Ok(asked)
}

async fn run(asked: &Asked) -> Result<()> {
    let dir = asked.dir.join("register");
    let settings = Settings {
        dir: dir.clone(),
        keys: asked.dir.join("keys"),
        node: "gate".into(),
        durability: logstore::Durability::Process,
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as i64;
    // The first day is one that a term of a year has just ended for; the last is the day before yesterday.
    let first = now.div_euclid(DAY) - asked.days;
    if !dir.exists() {
        fill(asked, &settings, first).await?;
    }
    let keys = Keys::open(&settings.keys, &dir)?;
    if asked.bundle {
        return bundle(&asked.dir, &keys, Search::default()).await;
    }
    let (bytes, records, days) = size(&dir)?;
    row(
        "on the disk, all included",
        format!("{:.1} bytes a record ({records} records, {days} days)", bytes as f64 / records as f64),
    );
    let log = log(asked)?;
    row("Squid's access.log", format!("{:.1} bytes a record, {:.1} with gzip -9", log.raw, log.packed));
    person(&dir, &keys, &log, records, days).await?;
    bundle(&asked.dir, &keys, Search { user: Some(PERSON.into()), ..Search::default() }).await?;
    within_a_day(&dir, &keys, first + asked.days / 2).await?;
    figures(&dir, &keys, first + asked.days - 1, asked.days.min(31)).await?;
    proof(&dir, &keys).await?;
    purge(&settings, first).await?;
    seal(asked, first - 30).await
}

/// Fills the register day by day, as an import does.
async fn fill(asked: &Asked, settings: &Settings, first: i64) -> Result<()> {
    let mut traffic = Traffic::new(PEOPLE, HOSTS);
    let mut importer = Importer::begin(settings).await?;
    std::fs::create_dir_all(&asked.dir)?;
    let mut log = std::fs::File::create(asked.dir.join("access.log"))?;
    let (began, mut making) = (Instant::now(), Duration::ZERO);
    let a_day = asked.records / asked.days.max(1) as usize;
    let mut count = 0;
    for day in first..first + asked.days - 1 {
        let made = Instant::now();
        let records = traffic.day(day * DAY, a_day);
        making += made.elapsed();
        if day < first + LOGGED {
            let lines: String = records.iter().map(traffic::squid).collect();
            log.write_all(lines.as_bytes())?;
        }
        count += records.len();
        importer.take(records).await?;
        if (day - first) % 30 == 29 {
            eprintln!("{} days, {count} records, {:.0} s", day - first + 1, began.elapsed().as_secs_f64());
        }
    }
    importer.finish().await?;
    let wall = began.elapsed() - making;
    row("filled: filed and sealed", format!("{:.2} µs a record", wall.as_secs_f64() * 1e6 / count as f64));
    Ok(())
}

fn size(dir: &Path) -> Result<(u64, u64, u64)> {
    let (mut bytes, mut days) = (0, Vec::new());
    for file in dir.read_dir()? {
        let file = file?;
        if file.path().is_file() {
            bytes += file.metadata()?.len();
            let name = file.file_name().into_string().unwrap_or_default();
            days.extend(name.strip_suffix(".sqlite").map(|day| format!("\"day\":\"{day}\"")));
        }
    }
    let seals = std::fs::read_to_string(dir.join("seals.jsonl"))?;
    let counted = seals
        .lines()
        .filter(|line| days.iter().any(|day| line.contains(day)))
        .filter_map(|line| line.split("\"records\":").nth(1)?.split(',').next()?.parse::<u64>().ok());
    Ok((bytes, counted.sum(), days.len() as u64))
}

struct Log {
    raw: f64,
    packed: f64,
    lines: u64,
    file: PathBuf,
}

/// The days that are also a log, packed as logrotate does.
fn log(asked: &Asked) -> Result<Log> {
    let (raw, packed) = (asked.dir.join("access.log"), asked.dir.join("access.log.gz"));
    let lines = std::io::BufRead::lines(std::io::BufReader::new(std::fs::File::open(&raw)?)).count() as u64;
    if !packed.exists() {
        let out = std::fs::File::create(&packed)?;
        let done = Command::new("gzip").args(["-9", "-c"]).arg(&raw).stdout(out).status()?;
        assert!(done.success(), "gzip failed");
    }
    let each = |file: &Path| Ok::<_, std::io::Error>(std::fs::metadata(file)?.len() as f64 / lines as f64);
    Ok(Log { raw: each(&raw)?, packed: each(&packed)?, lines, file: packed })
}

/// One person's year, beside zgrep.
async fn person(dir: &Path, keys: &Keys, log: &Log, records: u64, days: u64) -> Result<()> {
    let began = Instant::now();
    let mut zgrep = Command::new("zgrep").args(["-F", PERSON]).arg(&log.file).stdout(Stdio::piped()).spawn()?;
    let mut first_line = [0; 1];
    let mut out = zgrep.stdout.take().ok_or("no output")?;
    std::io::Read::read_exact(&mut out, &mut first_line)?;
    let found = std::io::BufRead::lines(std::io::BufReader::new(out)).count();
    assert!(zgrep.wait()?.success(), "zgrep found nothing");
    let rate = log.lines as f64 / began.elapsed().as_secs_f64();
    let whole = records as f64 / rate;
    row(
        "zgrep",
        format!(
            "{:.2} million lines/s ({found} found in {} days): {whole:.1} s for all",
            rate / 1e6,
            LOGGED.min(days as i64)
        ),
    );
    // In a log of a year, a person's newest day is at the end of what has to be unpacked.
    let query = Search { user: Some(PERSON.into()), ..Search::default() };
    let (began, mut first, mut count) = (Instant::now(), None, 0_u64);
    visit(dir, keys, &query, |_| {
        first.get_or_insert_with(|| began.elapsed());
        count += 1;
        ControlFlow::Continue(())
    })
    .await?;
    let all = began.elapsed();
    let first = first.unwrap_or_default();
    row(
        "a person's year",
        format!("{:.2} s, {count} records: {:.0} x zgrep", all.as_secs_f64(), whole / all.as_secs_f64()),
    );
    row("its first record", format!("{:.1} ms: {:.0} x zgrep", millis(first), whole / first.as_secs_f64()));
    let (began, mut newest) = (Instant::now(), None);
    visit(dir, keys, &Search { newest_first: true, ..query }, |_| {
        newest = Some(began.elapsed());
        ControlFlow::Break(())
    })
    .await?;
    row("its newest record", format!("{:.1} ms", millis(newest.unwrap_or_default())));
    Ok(())
}

/// Records taken out with their proofs, into a bundle, which is verified.
async fn bundle(dir: &Path, keys: &Keys, search: Search) -> Result<()> {
    let (register, file) = (dir.join("register"), dir.join("bundle.zip"));
    let _ = std::fs::remove_file(&file);
    let head = Head {
        kind: Kind::Subject,
        reference: "bench".into(),
        organisation: "bench".into(),
        node: "gate".into(),
        from: None,
        to: None,
        made_at: "2026-11-25T00:00:00Z".into(),
        program: "bench".into(),
        statement: std::collections::BTreeMap::new(),
    };
    let options = Options { encryption: Encryption::None, zone: jiff::tz::TimeZone::UTC, language: "en".into() };
    let before = high_water()?;
    let began = Instant::now();
    let mut bundle = Bundle::begin(&file, options, head, keys)?;
    let (searches, mut failed) = ([search], None);
    let missed = visit_proven(&register, keys, &searches, |day| match bundle.add_day(&day) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    });
    assert!(missed.await?.is_empty());
    failed.map_or(Ok(()), Err)?;
    let visited = began.elapsed();
    let made = bundle.finish()?;
    row(
        "a bundle",
        format!(
            "{:.2} s, of which {:.2} s at its end: {} records of {} days, {} proved, {:.1} bytes a record; {} MiB resident at \
             most, {} before",
            began.elapsed().as_secs_f64(),
            (began.elapsed() - visited).as_secs_f64(),
            made.records,
            made.days,
            made.proved,
            made.bytes as f64 / made.records as f64,
            high_water()?,
            before,
        ),
    );
    let began = Instant::now();
    let report = logstore::bundle::verify(&file, Some(&keys.public()), None).map_err(|found| format!("{found:?}"))?;
    row("the same verified", format!("{:.2} s, {} MiB at most", began.elapsed().as_secs_f64(), high_water()?));
    assert_eq!(report.records, made.records);
    Ok(std::fs::remove_file(&file)?)
}

/// Memory that was resident at most, in MiB.
fn high_water() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no high water mark")?;
    Ok(line.trim().trim_end_matches(" kB").parse::<u64>()? >> 10)
}

async fn within_a_day(dir: &Path, keys: &Keys, day: i64) -> Result<()> {
    let within = Search { from: Some(day * DAY), to: Some((day + 1) * DAY), ..Search::default() };
    let host = |host: HostFilter| Search { host: Some(host), ..within.clone() };
    let mut an_id = 0;
    visit(dir, keys, &Search { limit: Some(1000), ..within.clone() }, |record| {
        an_id = record.id;
        ControlFlow::Continue(())
    })
    .await?;
    for (what, query) in [
        (
            "an address in a day",
            Search { client: Some(IpNet::from(std::net::IpAddr::from([10, 0, 0, 40]))), ..within.clone() },
        ),
        ("a network in a day", Search { client: Some("10.0.0.16/28".parse()?), ..within.clone() }),
        ("a busy host in a day", host(HostFilter::Exactly("www.site-0.fr".into()))),
        ("a domain in a day", host(HostFilter::WithSubdomains("service-7.fr".into()))),
        ("a host nobody asked for", host(HostFilter::Exactly("nowhere.example".into()))),
        ("an identifier in the year", Search { id: Some(an_id), ..Search::default() }),
    ] {
        let mut times = Vec::new();
        let mut count = 0_u64;
        for _ in 0..5 {
            let began = Instant::now();
            count = 0;
            visit(dir, keys, &query, |_| {
                count += 1;
                ControlFlow::Continue(())
            })
            .await?;
            times.push(began.elapsed());
        }
        times.sort();
        row(what, format!("{:.1} ms, {count} records", millis(times[2])));
    }
    Ok(())
}

/// What `octroi log stats` counts of a month.
async fn figures(dir: &Path, keys: &Keys, end: i64, days: i64) -> Result<()> {
    let calendar =
        Calendar { days: (end - days..end).map(|day| (day * DAY, day.to_string())).collect(), end: end * DAY };
    let mut times = Vec::new();
    let mut counted = 0;
    for _ in 0..3 {
        let began = Instant::now();
        let (said, unread) = logstore::statistics(dir, keys, std::slice::from_ref(&calendar)).await?;
        assert!(unread.is_empty() && said.total.is_some(), "{unread:?}");
        counted = said.counted;
        times.push(began.elapsed());
    }
    times.sort();
    let (time, rate) = (times[1].as_secs_f64(), counted as f64 / times[1].as_secs_f64() / 1e6);
    row("figures of a month", format!("{time:.2} s, {counted} records: {rate:.1} million/s"));
    Ok(())
}

async fn proof(dir: &Path, keys: &Keys) -> Result<()> {
    let began = Instant::now();
    let report = verify(dir, keys, &keys.public(), |_| {}).await?;
    assert!(report.findings.is_empty(), "{:?}", report.findings.first());
    let rate = report.records as f64 / began.elapsed().as_secs_f64();
    row(
        "verified",
        format!("{:.2} million records/s ({} records, {} checkpoints)", rate / 1e6, report.records, report.checkpoints),
    );
    Ok(())
}

/// The oldest day that is left is made due by a shorter term, and erased as a gate does it.
async fn purge(settings: &Settings, first: i64) -> Result<()> {
    let (register, _) = logstore::Register::start(settings.clone()).await?;
    let today = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros() as i64;
    let term = u16::try_from(today.div_euclid(DAY) - first - 1)?;
    for term in (1..=term).rev() {
        logstore::announce(&settings.dir, register.keys(), term)?;
        let began = Instant::now();
        if let Some(purged) = register.purge("bench".into()).await? {
            let days = purged.certificate.days.len();
            row("a day erased, attested", format!("{:.1} ms ({days} day)", millis(began.elapsed())));
            break;
        }
    }
    register.finish().await;
    Ok(())
}

/// A day of 300,000 records sealed.
async fn seal(asked: &Asked, day: i64) -> Result<()> {
    let dir = asked.dir.join("one");
    let settings = Settings {
        keys: dir.join("keys"),
        dir: dir.join("register"),
        node: "gate".into(),
        durability: logstore::Durability::Process,
    };
    let mut importer = Importer::begin(&settings).await?;
    let records = Traffic::new(PEOPLE, HOSTS).day(day * DAY, 300_000);
    let count = records.len();
    importer.take(records).await?;
    let began = Instant::now();
    importer.finish().await?;
    row("a day sealed", format!("{:.2} s ({count} records)", began.elapsed().as_secs_f64()));
    std::fs::remove_dir_all(&dir)?;
    Ok(())
}

use ipnet::IpNet;

fn row(what: &str, figure: String) {
    println!("  {what:28} {figure}");
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
