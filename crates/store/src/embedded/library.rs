//! The C interface of `libchdb.so`, and the only unsafe code of this crate.
//!
//! Ownership, after `chdb.h`: a result is freed with `chdb_destroy_query_result`, an insert stream with
//! `chdb_destroy_insert_stream` (also after it was finished or cancelled), a connection with `chdb_close_conn`; texts and
//! parameters are copied during the call. A connection runs one statement at a time, which `&mut` enforces here.
#![allow(unsafe_code, reason = "calls into a C library; every block says why it is sound")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::path::Path;
use std::ptr::NonNull;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use libloading::{Library, Symbol};

use super::config::EmbeddedError;
use super::exception::Exception;

type Handle = *mut c_void;
type QueryWithParams = unsafe extern "C" fn(
    Handle,
    *const c_char,
    usize,
    *const c_char,
    usize,
    *const *const c_char,
    *const usize,
    *const *const c_char,
    *const usize,
    usize,
) -> Handle;

/// The functions that are used, looked up once.
pub(super) struct Api {
    connect: unsafe extern "C" fn(c_int, *mut *mut c_char) -> *mut Handle,
    close_conn: unsafe extern "C" fn(*mut Handle),
    query: QueryWithParams,
    stream_query: QueryWithParams,
    stream_fetch: unsafe extern "C" fn(Handle, Handle) -> Handle,
    stream_cancel: unsafe extern "C" fn(Handle, Handle),
    destroy_result: unsafe extern "C" fn(Handle),
    result_buffer: unsafe extern "C" fn(Handle) -> *const c_char,
    result_length: unsafe extern "C" fn(Handle) -> usize,
    result_error: unsafe extern "C" fn(Handle) -> *const c_char,
    result_rows: unsafe extern "C" fn(Handle) -> u64,
    result_bytes: unsafe extern "C" fn(Handle) -> u64,
    result_storage_rows: unsafe extern "C" fn(Handle) -> u64,
    result_storage_bytes: unsafe extern "C" fn(Handle) -> u64,
    result_rows_written: unsafe extern "C" fn(Handle) -> u64,
    result_bytes_written: unsafe extern "C" fn(Handle) -> u64,
    insert: QueryWithParams,
    shutdown: unsafe extern "C" fn() -> c_int,
    insert_append: unsafe extern "C" fn(Handle, *const c_void, usize) -> c_int,
    insert_done: unsafe extern "C" fn(Handle) -> Handle,
    insert_cancel: unsafe extern "C" fn(Handle),
    insert_error: unsafe extern "C" fn(Handle) -> *const c_char,
    destroy_insert: unsafe extern "C" fn(Handle),
}

/// What a statement read and wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Progress {
    /// Rows and bytes read from storage.
    pub(super) read: (u64, u64),
    /// Rows and bytes written, those of materialized views included.
    pub(super) written: (u64, u64),
    /// Rows and bytes of the result.
    pub(super) result: (u64, u64),
}

static API: OnceLock<Api> = OnceLock::new();
/// Connections that are open; the engine runs while there are any.
static OPEN: AtomicUsize = AtomicUsize::new(0);
/// Connections that were ever opened.
static EVER: AtomicUsize = AtomicUsize::new(0);
static LOADING: parking_lot::Mutex<()> = parking_lot::Mutex::new(());

impl Api {
    /// Loads the library, once per process; it is never unloaded. A later call gives the library that is loaded.
    pub(super) fn load(path: &Path) -> Result<&'static Self, EmbeddedError> {
        let _guard = LOADING.lock();
        if let Some(api) = API.get() {
            return Ok(api);
        }
        let api = Self::open(path).map_err(|error| EmbeddedError::new(format!("load {}: {error}: run `make libchdb`", path.display())))?;
        Ok(API.get_or_init(|| api))
    }

    fn open(path: &Path) -> Result<Self, libloading::Error> {
        // SAFETY: loading runs the library's initialisers. The file is the operator's choice, like the binary itself; its
        // initialisers need nothing from us, and `LOADING` keeps two threads from doing it at once.
        let library = unsafe { Library::new(path)? };
        // It has threads of its own, so it must stay mapped for as long as the process lives.
        let library: &'static Library = Box::leak(Box::new(library));
        // SAFETY: the signatures below are those of `chdb.h` 26.7 for the names they stand beside; the function pointers
        // outlive nothing, since the library is never unloaded.
        unsafe {
            let handlers: Symbol<'_, unsafe extern "C" fn(c_int)> = library.get(b"chdb_set_signal_handlers_enabled\0")?;
            // Before anything else: signals are this process's own business.
            handlers(0);
            Ok(Self {
                connect: *library.get(b"chdb_connect\0")?,
                close_conn: *library.get(b"chdb_close_conn\0")?,
                query: *library.get(b"chdb_query_with_params_n\0")?,
                stream_query: *library.get(b"chdb_stream_query_with_params_n\0")?,
                stream_fetch: *library.get(b"chdb_stream_fetch_result\0")?,
                stream_cancel: *library.get(b"chdb_stream_cancel_query\0")?,
                destroy_result: *library.get(b"chdb_destroy_query_result\0")?,
                result_buffer: *library.get(b"chdb_result_buffer\0")?,
                result_length: *library.get(b"chdb_result_length\0")?,
                result_error: *library.get(b"chdb_result_error\0")?,
                result_rows: *library.get(b"chdb_result_rows_read\0")?,
                result_bytes: *library.get(b"chdb_result_bytes_read\0")?,
                result_storage_rows: *library.get(b"chdb_result_storage_rows_read\0")?,
                result_storage_bytes: *library.get(b"chdb_result_storage_bytes_read\0")?,
                result_rows_written: *library.get(b"chdb_result_rows_written\0")?,
                result_bytes_written: *library.get(b"chdb_result_bytes_written\0")?,
                insert: *library.get(b"chdb_stream_insert_with_params_n\0")?,
                shutdown: *library.get(b"chdb_shutdown\0")?,
                insert_append: *library.get(b"chdb_stream_append\0")?,
                insert_done: *library.get(b"chdb_stream_done\0")?,
                insert_cancel: *library.get(b"chdb_stream_cancel_insert\0")?,
                insert_error: *library.get(b"chdb_stream_insert_error\0")?,
                destroy_insert: *library.get(b"chdb_destroy_insert_stream\0")?,
            })
        }
    }

    /// Opens a connection. The first one starts the engine with its options; later ones take settings only. None: the engine
    /// refused, and says no more.
    pub(super) fn connect(&'static self, arguments: &[String]) -> Option<Connection> {
        let owned: Vec<CString> =
            std::iter::once("clickhouse").chain(arguments.iter().map(String::as_str)).map(CString::new).collect::<Result<_, _>>().ok()?;
        let mut pointers: Vec<*mut c_char> = owned.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
        let count = c_int::try_from(pointers.len()).ok()?;
        // SAFETY: `pointers` holds `count` NUL-terminated strings that live through the call; the engine copies them.
        let connection = NonNull::new(unsafe { (self.connect)(count, pointers.as_mut_ptr()) })?;
        OPEN.fetch_add(1, Ordering::SeqCst);
        // Handlers run in the reverse order of registration, and the library registers destructors whenever it first uses
        // something: so again and again, ever more rarely, to stay the first.
        if EVER.fetch_add(1, Ordering::SeqCst).saturating_add(1).is_power_of_two() {
            exit::register();
        }
        Some(Connection { api: self, connection })
    }
}

/// Names and values of a statement's `{name:Type}` parameters.
pub(super) type Params = Vec<(String, String)>;

/// A connection: a session of the engine, with settings, database and temporary tables of its own.
pub(super) struct Connection {
    api: &'static Api,
    connection: NonNull<Handle>,
}

// SAFETY: the header says that a connection may be used from any thread as long as calls do not overlap; `&mut self` on every
// method sees to that.
unsafe impl Send for Connection {}

impl Connection {
    fn handle(&self) -> Handle {
        // SAFETY: `connection` came from `chdb_connect` and is freed in `drop` only, so it points to a live handle.
        unsafe { *self.connection.as_ptr() }
    }

    fn call(&mut self, function: QueryWithParams, sql: &[u8], format: &str, params: &Params) -> Handle {
        let names: Vec<*const c_char> = params.iter().map(|(name, _)| name.as_ptr().cast()).collect();
        let name_lengths: Vec<usize> = params.iter().map(|(name, _)| name.len()).collect();
        let values: Vec<*const c_char> = params.iter().map(|(_, value)| value.as_ptr().cast()).collect();
        let value_lengths: Vec<usize> = params.iter().map(|(_, value)| value.len()).collect();
        // SAFETY: each pointer stands with its length and lives through the call, in which the engine copies what it keeps; the
        // four arrays have `params.len()` entries.
        unsafe {
            function(
                self.handle(),
                sql.as_ptr().cast(),
                sql.len(),
                format.as_ptr().cast(),
                format.len(),
                names.as_ptr(),
                name_lengths.as_ptr(),
                values.as_ptr(),
                value_lengths.as_ptr(),
                params.len(),
            )
        }
    }

    /// Runs a statement and gives its whole result.
    pub(super) fn query(&mut self, sql: &[u8], format: &str, params: &Params) -> Result<Chunk, Exception> {
        let result = self.call(self.api.query, sql, format, params);
        Chunk::new(self.api, result)
    }

    /// Starts a SELECT whose result is fetched in chunks, each a document of its own in `format`.
    pub(super) fn stream(&mut self, sql: &[u8], format: &str, params: &Params) -> Result<QueryStream<'_>, Exception> {
        let result = self.call(self.api.stream_query, sql, format, params);
        let result = Chunk::new(self.api, result)?;
        Ok(QueryStream { connection: self, result, over: false })
    }

    /// Opens an INSERT; `sql` ends before its FORMAT or VALUES.
    pub(super) fn insert(&mut self, sql: &[u8], format: &str, params: &Params) -> Result<InsertStream<'_>, Exception> {
        let handle = self.call(self.api.insert, sql, format, params);
        let stream = InsertStream { connection: self, handle, over: false };
        match stream.error() {
            Some(exception) => Err(exception),
            None => Ok(stream),
        }
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        // SAFETY: the pointer came from `chdb_connect`, is closed here only, and no stream borrows `self` any more.
        unsafe { (self.api.close_conn)(self.connection.as_ptr()) }
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}

/// A result, or a piece of one, in the engine's memory.
pub(super) struct Chunk {
    api: &'static Api,
    result: NonNull<c_void>,
}

// SAFETY: a result is plain memory that no other handle refers to; the engine frees it from any thread.
unsafe impl Send for Chunk {}

impl Chunk {
    fn new(api: &'static Api, result: Handle) -> Result<Self, Exception> {
        let Some(result) = NonNull::new(result) else {
            return Err(Exception::from_engine("the engine gave no result"));
        };
        let chunk = Self { api, result };
        // SAFETY: `result` is live; the text belongs to it and is copied before `chunk` can be dropped.
        let error = unsafe { text((api.result_error)(result.as_ptr())) };
        match error {
            Some(error) => Err(Exception::from_engine(&error)),
            None => Ok(chunk),
        }
    }

    /// The bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        // SAFETY: `result` is live for as long as `self`; the engine gives a buffer of that length, or null for none.
        unsafe {
            let buffer = (self.api.result_buffer)(self.result.as_ptr());
            let length = (self.api.result_length)(self.result.as_ptr());
            if buffer.is_null() || length == 0 { &[] } else { std::slice::from_raw_parts(buffer.cast(), length) }
        }
    }

    /// What the statement did for this result.
    pub(super) fn progress(&self) -> Progress {
        let (api, result) = (self.api, self.result.as_ptr());
        // SAFETY: `result` is live; these read numbers from it.
        unsafe {
            Progress {
                read: ((api.result_storage_rows)(result), (api.result_storage_bytes)(result)),
                written: ((api.result_rows_written)(result), (api.result_bytes_written)(result)),
                result: ((api.result_rows)(result), (api.result_bytes)(result)),
            }
        }
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: `result` is live and freed here only.
        unsafe { (self.api.destroy_result)(self.result.as_ptr()) }
    }
}

/// A SELECT whose result is being fetched; dropping it ends the query.
pub(super) struct QueryStream<'connection> {
    connection: &'connection mut Connection,
    result: Chunk,
    over: bool,
}

impl QueryStream<'_> {
    /// The next piece; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<Chunk>, Exception> {
        if self.over {
            return Ok(None);
        }
        // SAFETY: both handles are live, and `&mut self` keeps fetches apart.
        let chunk = unsafe { (self.connection.api.stream_fetch)(self.connection.handle(), self.result.result.as_ptr()) };
        let chunk = Chunk::new(self.connection.api, chunk);
        match chunk {
            Ok(chunk) if chunk.bytes().is_empty() => {
                self.over = true;
                Ok(None)
            }
            Ok(chunk) => Ok(Some(chunk)),
            Err(exception) => {
                self.over = true;
                Err(exception)
            }
        }
    }
}

impl Drop for QueryStream<'_> {
    fn drop(&mut self) {
        if !self.over {
            // SAFETY: both handles are live; the stream is not used afterwards.
            unsafe { (self.connection.api.stream_cancel)(self.connection.handle(), self.result.result.as_ptr()) }
        }
    }
}

/// An INSERT that takes data; dropping it unfinished aborts it.
pub(super) struct InsertStream<'connection> {
    connection: &'connection mut Connection,
    handle: Handle,
    over: bool,
}

impl InsertStream<'_> {
    fn error(&self) -> Option<Exception> {
        // SAFETY: the handle is live (never null by the header) until `drop`; the text belongs to it and is copied.
        unsafe { text((self.connection.api.insert_error)(self.handle)) }.map(|text| Exception::from_engine(&text))
    }

    /// Gives the engine more data; blocks while it is behind. False: it takes no more, and [`Self::finish`] tells why.
    pub(super) fn append(&mut self, data: &[u8]) -> bool {
        // SAFETY: the handle is live; the engine copies `data` during the call.
        data.is_empty() || unsafe { (self.connection.api.insert_append)(self.handle, data.as_ptr().cast(), data.len()) } == 0
    }

    /// Ends the data and commits.
    pub(super) fn finish(mut self) -> Result<Progress, Exception> {
        self.over = true;
        // SAFETY: the handle is live; the result that this gives is ours to free, which `Chunk` does.
        let result = unsafe { (self.connection.api.insert_done)(self.handle) };
        Chunk::new(self.connection.api, result).map(|result| result.progress())
    }
}

impl Drop for InsertStream<'_> {
    fn drop(&mut self) {
        // SAFETY: the handle is live and not used afterwards; destroying is due on every path.
        unsafe {
            if !self.over {
                (self.connection.api.insert_cancel)(self.handle);
            }
            (self.connection.api.destroy_insert)(self.handle);
        }
    }
}

/// Copies a C string; null is none.
///
/// # Safety
/// `pointer` is null or points to a NUL-terminated string that lives through the call.
unsafe fn text(pointer: *const c_char) -> Option<String> {
    // SAFETY: the caller's promise.
    (!pointer.is_null()).then(|| unsafe { CStr::from_ptr(pointer) }.to_string_lossy().into_owned())
}

/// The end of the process. The library's static destructors race its own threads, which crashes now and then (signal 11 after
/// everything was done). So the threads are ended first; and if somebody still uses the engine, destructors are skipped: what an
/// INSERT has acknowledged is on disk by then.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod exit {
    use std::ffi::{c_int, c_void};
    use std::sync::atomic::Ordering;

    unsafe extern "C" {
        fn on_exit(function: extern "C" fn(c_int, *mut c_void), argument: *mut c_void) -> c_int;
        fn _exit(status: c_int) -> !;
    }

    pub(super) fn register() {
        // SAFETY: glibc's function; the handler is a function of this program and uses no argument. Without room for another
        // handler (never seen) the process ends as it would without one.
        unsafe { on_exit(end, std::ptr::null_mut()) };
    }

    extern "C" fn end(status: c_int, _argument: *mut c_void) {
        let is_idle = super::OPEN.load(Ordering::SeqCst) == 0;
        // SAFETY: `chdb_shutdown` may be called from any thread, and does nothing while a connection is open.
        let is_ended = is_idle && super::API.get().is_none_or(|api| unsafe { (api.shutdown)() } == 0);
        if !is_ended {
            // SAFETY: ends the process with the status that it was about to end with.
            unsafe { _exit(status) }
        }
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
mod exit {
    pub(super) fn register() {}
}
