//! The control socket: questions and answers over it.

use super::*;

fn answer_to(request: &Request) -> Answer {
    match request {
        Request::Flush => Answer::Flushed,
        Request::Reload => Answer::Refused { problems: "two\nlines".into() },
        Request::Status | Request::Purge => Answer::Failed { why: "é".into() },
        Request::Rights | Request::Exceptions => Answer::Kept,
        Request::Follow(_) => Answer::Stopped,
    }
}

async fn handler(request: Request, mut teller: Teller) {
    if matches!(request, Request::Follow(_)) {
        for records in 1..=3 {
            teller.tell(&Answer::Missed { records }, REQUEST_TIMEOUT).await.expect("told");
        }
    }
    teller.last(&answer_to(&request)).await;
}

async fn asked(dir: &Path, request: Request) -> Result<Answer, AskError> {
    let dir = dir.to_owned();
    tokio::task::spawn_blocking(move || ask(&dir, &request)).await.expect("joined")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn commands_are_answered_until_stop() {
    let dir = tempfile::tempdir().expect("a folder");
    for data_dir in [dir.path().to_owned(), dir.path().join("long".repeat(40))] {
        std::fs::create_dir_all(&data_dir).expect("created");
        assert!(matches!(asked(&data_dir, Request::Flush).await, Err(AskError::NoGate)));
        let stop = CancellationToken::new();
        let listener = bind(&data_dir).expect("bound");
        let mode = std::fs::metadata(data_dir.join("control.sock")).expect("there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let gate = tokio::spawn(serve(listener, handler, stop.clone()));
        for request in [Request::Flush, Request::Reload, Request::Status] {
            assert_eq!(asked(&data_dir, request.clone()).await.expect("answered"), answer_to(&request));
        }
        stop.cancel();
        gate.await.expect("ended");
        // The socket of a gate that is gone is no gate, and no obstacle to the next.
        assert!(matches!(asked(&data_dir, Request::Flush).await, Err(AskError::NoGate)));
        bind(&data_dir).expect("bound again");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn who_follows_is_told_line_after_line() {
    let dir = tempfile::tempdir().expect("a folder");
    let stop = CancellationToken::new();
    let gate = tokio::spawn(serve(bind(dir.path()).expect("bound"), handler, stop.clone()));
    let data_dir = dir.path().to_owned();
    let told = tokio::task::spawn_blocking(move || {
        let (mut following, first) = Following::begin(&data_dir, Watch::default()).expect("begun");
        let rest: Vec<Answer> = (0..3).map(|_| following.next().expect("told")).collect();
        assert!(following.next().is_err(), "the conversation is over");
        (first, rest)
    });
    let (first, rest) = told.await.expect("joined");
    assert_eq!(first, Answer::Missed { records: 1 });
    assert_eq!(rest, [Answer::Missed { records: 2 }, Answer::Missed { records: 3 }, Answer::Stopped]);
    stop.cancel();
    gate.await.expect("ended");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn what_is_no_request_is_said_and_harms_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let stop = CancellationToken::new();
    let gate = tokio::spawn(serve(bind(dir.path()).expect("bound"), handler, stop.clone()));
    let answers = tokio::task::spawn_blocking({
        let dir = dir.path().to_owned();
        move || {
            let said = |text: &str| {
                let mut stream = BlockingStream::connect(dir.join("control.sock")).expect("connected");
                stream.write_all(text.as_bytes()).expect("sent");
                stream.shutdown(std::net::Shutdown::Write).expect("shut");
                let mut answer = String::new();
                stream.read_to_string(&mut answer).expect("read");
                answer
            };
            [said("{\"ask\":\"fly\"}\n"), said("")]
        }
    });
    let [unknown, nothing] = answers.await.expect("joined");
    assert!(unknown.contains("not understood"), "{unknown}");
    assert_eq!(nothing, "");
    assert_eq!(asked(dir.path(), Request::Flush).await.expect("answered"), Answer::Flushed);
    stop.cancel();
    gate.await.expect("ended");
}
