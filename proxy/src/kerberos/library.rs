//! The system's GSS-API (RFC 2744, as MIT Kerberos has it), loaded at run time: the one file that calls it.
//!
//! What is unsafe is here and nowhere else in the gate's Kerberos: signatures from `gssapi.h` and `gssapi_ext.h` of MIT
//! Kerberos 1.20, and handles that are released when they are dropped. What leaves this file is bytes and numbers.
//!
//! A handle is used by one thread at a time: [`Context`] and [`Credential`] are `Send` and not `Sync`, which is what MIT
//! Kerberos asks of its callers.
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::fmt;
use std::ptr::{self, null_mut};
use std::sync::Arc;

/// The file, as the dynamic linker finds it.
pub(super) const FILE: &str = "libgssapi_krb5.so.2";
/// What installs it on Debian and Ubuntu.
pub(super) const PACKAGE: &str = "libgssapi-krb5-2";

/// Kerberos 5: 1.2.840.113554.1.2.2 (RFC 4121).
const KRB5: &[u8] = b"\x2a\x86\x48\x86\xf7\x12\x01\x02\x02";
/// Negotiation: 1.3.6.1.5.5.2 (RFC 4178).
const SPNEGO: &[u8] = b"\x2b\x06\x01\x05\x05\x02";

/// `GSS_C_ACCEPT`.
const ACCEPT: c_int = 2;
/// `GSS_C_ANON_FLAG`.
const ANONYMOUS: u32 = 64;
/// `GSS_S_CONTINUE_NEEDED`.
const CONTINUE_NEEDED: u32 = 1;
/// `GSS_C_GSS_CODE` and `GSS_C_MECH_CODE`.
const STATUS_TYPES: [c_int; 2] = [1, 2];

/// `gss_buffer_desc`.
#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

impl Buffer {
    const EMPTY: Buffer = Buffer { length: 0, value: null_mut() };

    /// Bytes lent for one call, which only reads them.
    fn lent(bytes: &[u8]) -> Buffer {
        Buffer { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
    }
}

/// `gss_OID_desc`.
#[repr(C)]
struct Oid {
    length: u32,
    elements: *mut c_void,
}

impl Oid {
    fn lent(bytes: &'static [u8]) -> Oid {
        Oid { length: bytes.len() as u32, elements: bytes.as_ptr().cast_mut().cast() }
    }
}

/// `gss_OID_set_desc`.
#[repr(C)]
struct OidSet {
    count: usize,
    elements: *mut Oid,
}

/// `gss_key_value_element_desc`.
#[repr(C)]
struct KeyValue {
    key: *const c_char,
    value: *const c_char,
}

/// `gss_key_value_set_desc`.
#[repr(C)]
struct KeyValueSet {
    count: u32,
    elements: *mut KeyValue,
}

/// `gss_name_t`, `gss_cred_id_t`, `gss_ctx_id_t`: what they point at is the library's affair.
type Handle = *mut c_void;

macro_rules! functions {
    ($($name:ident($($argument:ty),* $(,)?);)*) => {
        /// The functions that are called; each returns a major status.
        #[derive(Clone, Copy)]
        struct Functions {
            $($name: unsafe extern "C" fn($($argument),*) -> u32,)*
        }

        impl Functions {
            /// # Safety
            /// The library is MIT Kerberos', whose functions of these names have these signatures; what is returned is called
            /// only while it is loaded.
            unsafe fn of(library: &libloading::Library) -> Result<Functions, libloading::Error> {
                // SAFETY: as asked of the caller.
                unsafe {
                    Ok(Functions { $($name: *library.get(concat!(stringify!($name), "\0").as_bytes())?,)* })
                }
            }
        }
    };
}

functions! {
    // minor, desired_name, time_req, desired_mechs, cred_usage, cred_store, output_cred, actual_mechs, time_rec
    gss_acquire_cred_from(
        *mut u32, Handle, u32, *const OidSet, c_int, *const KeyValueSet, *mut Handle, *mut *mut OidSet, *mut u32,
    );
    // minor, cred, mech_set
    gss_set_neg_mechs(*mut u32, Handle, *const OidSet);
    // minor, context, cred, input_token, bindings, src_name, mech_type, output_token, flags, time_rec, delegated
    gss_accept_sec_context(
        *mut u32, *mut Handle, Handle, *const Buffer, *const c_void, *mut Handle, *mut *const Oid, *mut Buffer, *mut u32,
        *mut u32, *mut Handle,
    );
    // minor, context, src_name, targ_name, lifetime, mech_type, flags, locally_initiated, open
    gss_inquire_context(
        *mut u32, Handle, *mut Handle, *mut Handle, *mut u32, *mut *const Oid, *mut u32, *mut c_int, *mut c_int,
    );
    // minor, name, output_name, output_name_type
    gss_display_name(*mut u32, Handle, *mut Buffer, *mut *const Oid);
    // minor, name, attribute, authenticated, complete, value, display_value, more
    gss_get_name_attribute(
        *mut u32, Handle, *const Buffer, *mut c_int, *mut c_int, *mut Buffer, *mut Buffer, *mut c_int,
    );
    // minor, status_value, status_type, mech_type, message_context, status_string
    gss_display_status(*mut u32, u32, c_int, *const Oid, *mut u32, *mut Buffer);
    // minor, the handle or buffer
    gss_release_buffer(*mut u32, *mut Buffer);
    gss_release_name(*mut u32, *mut Handle);
    gss_release_cred(*mut u32, *mut Handle);
    // minor, context, output_token
    gss_delete_sec_context(*mut u32, *mut Handle, *mut Buffer);
}

/// The library, loaded.
pub(super) struct Library {
    functions: Functions,
    /// Keeps the functions where they are.
    _loaded: libloading::Library,
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(FILE)
    }
}

/// What a call came to that did not succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    /// The GSS-API's code (RFC 2744 §3.9.1).
    pub(super) major: u32,
    /// The mechanism's: of Kerberos, one of `krb5.h`.
    pub(super) minor: i32,
    /// Both in the library's words.
    pub(super) words: String,
}

/// Where a context has got to.
pub(super) enum Step {
    /// The client is known.
    Accepted(Accepted),
    /// The client must say more: this goes to it, and its next token comes to the context.
    More(Context, Vec<u8>),
}

/// What an accepted context says.
#[derive(Debug)]
pub(super) struct Accepted {
    /// The client's principal, as the library writes it.
    pub(super) client: Vec<u8>,
    /// The service the ticket is for.
    pub(super) service: Vec<u8>,
    /// For how many seconds it holds.
    pub(super) seconds: u32,
    /// What goes to the client; may be empty.
    pub(super) token: Vec<u8>,
    /// The ticket's logon information (MS-PAC §2.5), when its signature was right.
    pub(super) logon_info: Option<Vec<u8>>,
    /// The client does not say who it is.
    pub(super) anonymous: bool,
    /// It is Kerberos that was negotiated.
    pub(super) kerberos: bool,
}

/// What a server has to prove clients with.
pub(super) struct Credential {
    library: Arc<Library>,
    handle: Handle,
}

/// A context under way.
pub(crate) struct Context {
    library: Arc<Library>,
    handle: Handle,
}

/// A name that was given out.
struct Name<'l> {
    functions: &'l Functions,
    handle: Handle,
}

/// Bytes that were given out.
struct Given<'l> {
    functions: &'l Functions,
    buffer: Buffer,
}

// SAFETY: MIT Kerberos ties no credential and no context to the thread that made it; it asks that no two use one at once,
// which an owned value that is not `Sync` sees to.
unsafe impl Send for Credential {}
// SAFETY: as above.
unsafe impl Send for Context {}

impl Library {
    /// Loads it. The error is the dynamic linker's.
    pub(super) fn load() -> Result<Arc<Library>, String> {
        // SAFETY: the system's own library, whose initialisers expect nothing of who loads it.
        let loaded = unsafe { libloading::Library::new(FILE) }.map_err(|why| why.to_string())?;
        // SAFETY: the soname is MIT Kerberos', version 2 of whose interface has these signatures; the functions are kept beside
        // what was loaded, and reached through it.
        let functions = unsafe { Functions::of(&loaded) }.map_err(|why| why.to_string())?;
        Ok(Arc::new(Library { functions, _loaded: loaded }))
    }

    /// What can accept clients with any key of a keytab. `replays`: where it is kept which tokens were seen, as
    /// `file2:PATH`.
    pub(super) fn acquire(self: &Arc<Library>, keytab: &CStr, replays: &CStr) -> Result<Credential, Status> {
        let mut store = [(c"keytab", keytab), (c"rcache", replays)]
            .map(|(key, value)| KeyValue { key: key.as_ptr(), value: value.as_ptr() });
        let store = KeyValueSet { count: store.len() as u32, elements: store.as_mut_ptr() };
        let mut mechanisms = [Oid::lent(KRB5), Oid::lent(SPNEGO)];
        let both = OidSet { count: mechanisms.len(), elements: mechanisms.as_mut_ptr() };
        let (mut minor, mut handle) = (0, null_mut());
        // SAFETY: all that is pointed at outlives the call, which writes to `minor` and `handle` alone; no name is any name, no
        // set and no time asked for is none given back.
        let major = unsafe {
            (self.functions.gss_acquire_cred_from)(
                &raw mut minor,
                null_mut(),
                u32::MAX,
                &raw const both,
                ACCEPT,
                &raw const store,
                &raw mut handle,
                null_mut(),
                null_mut(),
            )
        };
        self.check(major, minor)?;
        let credential = Credential { library: self.clone(), handle };
        // Negotiation comes to Kerberos or to nothing, whatever other mechanisms this machine has.
        let kerberos = OidSet { count: 1, elements: mechanisms.as_mut_ptr() };
        // SAFETY: the credential is live, and the set outlives the call, which copies it.
        let major =
            unsafe { (self.functions.gss_set_neg_mechs)(&raw mut minor, credential.handle, &raw const kerberos) };
        self.check(major, minor)?;
        Ok(credential)
    }

    /// An error, in the library's words, when the status is one. Must be asked on the thread that made the call.
    fn check(&self, major: u32, minor: u32) -> Result<(), Status> {
        // Calling and routine errors (RFC 2744 §3.9.1); the lower half says more about a success.
        if major & 0xffff_0000 == 0 {
            return Ok(());
        }
        let words = STATUS_TYPES.map(|kind| self.words(if kind == STATUS_TYPES[0] { major } else { minor }, kind));
        let words = words.iter().filter(|words| !words.is_empty()).map(String::as_str).collect::<Vec<_>>().join(": ");
        // Kerberos' codes are negative numbers.
        Err(Status { major, minor: minor.cast_signed(), words })
    }

    /// The first message of a status code.
    fn words(&self, code: u32, kind: c_int) -> String {
        let (mut minor, mut more) = (0, 0);
        let mut text = Given { functions: &self.functions, buffer: Buffer::EMPTY };
        // SAFETY: all that is pointed at outlives the call, which writes to what it is given as `mut`; no mechanism is the
        // one the code comes from.
        let major = unsafe {
            (self.functions.gss_display_status)(
                &raw mut minor,
                code,
                kind,
                ptr::null(),
                &raw mut more,
                &raw mut text.buffer,
            )
        };
        if major == 0 { String::from_utf8_lossy(text.bytes()).into_owned() } else { String::new() }
    }

    /// How a name is written.
    fn display(&self, name: &Name<'_>) -> Result<Vec<u8>, Status> {
        let mut minor = 0;
        let mut text = Given { functions: &self.functions, buffer: Buffer::EMPTY };
        // SAFETY: the name is live; the type of the name is not asked for.
        let major =
            unsafe { (self.functions.gss_display_name)(&raw mut minor, name.handle, &raw mut text.buffer, null_mut()) };
        self.check(major, minor)?;
        Ok(text.bytes().to_vec())
    }

    /// An attribute of a name, if it has it and who says so was proved.
    fn attribute(&self, name: &Name<'_>, attribute: &[u8]) -> Option<Vec<u8>> {
        let attribute = Buffer::lent(attribute);
        let (mut minor, mut authenticated, mut complete, mut more) = (0, 0, 0, -1);
        let mut value = Given { functions: &self.functions, buffer: Buffer::EMPTY };
        let mut shown = Given { functions: &self.functions, buffer: Buffer::EMPTY };
        // SAFETY: the name is live, and all else that is pointed at outlives the call, which writes to what it is given as
        // `mut`; -1 asks for the first value.
        let major = unsafe {
            (self.functions.gss_get_name_attribute)(
                &raw mut minor,
                name.handle,
                &raw const attribute,
                &raw mut authenticated,
                &raw mut complete,
                &raw mut value.buffer,
                &raw mut shown.buffer,
                &raw mut more,
            )
        };
        (major == 0 && authenticated != 0).then(|| value.bytes().to_vec())
    }
}

impl Credential {
    /// Takes a client's token, the first or, with a context under way, the next one.
    pub(super) fn accept(&self, context: Option<Context>, token: &[u8]) -> Result<Step, Status> {
        let functions = &self.library.functions;
        let mut context = context.unwrap_or_else(|| Context { library: self.library.clone(), handle: null_mut() });
        let input = Buffer::lent(token);
        let mut client = Name { functions, handle: null_mut() };
        let mut output = Given { functions, buffer: Buffer::EMPTY };
        let (mut minor, mut mechanism, mut flags, mut seconds) = (0, ptr::null(), 0, 0);
        // SAFETY: the credential is live; the context is live, or null for a new one; all that is pointed at outlives the call,
        // which writes to what it is given as `mut`. No bindings; delegated credentials are not wanted.
        let major = unsafe {
            (functions.gss_accept_sec_context)(
                &raw mut minor,
                &raw mut context.handle,
                self.handle,
                &raw const input,
                ptr::null(),
                &raw mut client.handle,
                &raw mut mechanism,
                &raw mut output.buffer,
                &raw mut flags,
                &raw mut seconds,
                null_mut(),
            )
        };
        self.library.check(major, minor)?;
        if major & CONTINUE_NEEDED != 0 {
            return Ok(Step::More(context, output.bytes().to_vec()));
        }
        // SAFETY: the mechanism of a context that succeeded is null or static memory of the library's.
        let kerberos = unsafe { mechanism.as_ref().is_some_and(|mechanism| mechanism.is(KRB5)) };
        let service = context.service()?;
        Ok(Step::Accepted(Accepted {
            client: self.library.display(&client)?,
            service: self.library.display(&service)?,
            seconds,
            token: output.bytes().to_vec(),
            logon_info: self.library.attribute(&client, b"urn:mspac:logon-info"),
            anonymous: flags & ANONYMOUS != 0,
            kerberos,
        }))
    }
}

impl Context {
    /// Whom the client meant to speak with.
    fn service(&self) -> Result<Name<'_>, Status> {
        let mut minor = 0;
        let mut service = Name { functions: &self.library.functions, handle: null_mut() };
        // SAFETY: the context is live and established; what is not asked for is null.
        let major = unsafe {
            (self.library.functions.gss_inquire_context)(
                &raw mut minor,
                self.handle,
                null_mut(),
                &raw mut service.handle,
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        self.library.check(major, minor)?;
        Ok(service)
    }
}

impl Oid {
    /// # Safety
    /// Its elements are as many bytes as it says.
    unsafe fn bytes(&self) -> &[u8] {
        // SAFETY: as asked of the caller; a null pointer is none.
        unsafe { slice(self.elements, self.length as usize) }
    }

    /// Whether it is this one; of the library's own, which are well formed.
    fn is(&self, bytes: &[u8]) -> bool {
        // SAFETY: the library's identifiers, and those above, say their own length.
        unsafe { self.bytes() == bytes }
    }
}

impl Given<'_> {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the library filled the buffer, or it is empty; it lives until it is released, when this value is dropped.
        unsafe { slice(self.buffer.value, self.buffer.length) }
    }
}

/// # Safety
/// The pointer is null, or leads to so many bytes that live, unchanged, as long as is said.
unsafe fn slice<'a>(at: *const c_void, length: usize) -> &'a [u8] {
    if at.is_null() || length == 0 {
        return &[];
    }
    // SAFETY: as asked of the caller.
    unsafe { std::slice::from_raw_parts(at.cast(), length) }
}

impl Drop for Given<'_> {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the library filled the buffer, or it is empty, which is let be.
        unsafe { (self.functions.gss_release_buffer)(&raw mut minor, &raw mut self.buffer) };
    }
}

impl Drop for Name<'_> {
    fn drop(&mut self) {
        let mut minor = 0;
        if !self.handle.is_null() {
            // SAFETY: the library gave it out, and nobody else has it.
            unsafe { (self.functions.gss_release_name)(&raw mut minor, &raw mut self.handle) };
        }
    }
}

impl Drop for Credential {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the library gave it out, and nobody else has it.
        unsafe { (self.library.functions.gss_release_cred)(&raw mut minor, &raw mut self.handle) };
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let mut minor = 0;
        if !self.handle.is_null() {
            // SAFETY: the library gave it out, and nobody else has it; no token for the other side is asked for.
            unsafe {
                (self.library.functions.gss_delete_sec_context)(&raw mut minor, &raw mut self.handle, null_mut())
            };
        }
    }
}

/// A path as the library takes one; `None` when it holds a NUL.
pub(super) fn text(prefix: &str, path: &std::path::Path) -> Option<CString> {
    use std::os::unix::ffi::OsStrExt;
    CString::new([prefix.as_bytes(), path.as_os_str().as_bytes()].concat()).ok()
}
