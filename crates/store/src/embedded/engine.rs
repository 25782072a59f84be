//! The engine: one per process, started by its first connection and kept by it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::path::Path;

use super::config::{EmbeddedConfig, EmbeddedError, READONLY_USER, USER};
use super::exception::Exception;
use super::library::{Api, Connection, Params};

/// The engine of this process. It lives while this does.
pub(super) struct Engine {
    api: &'static Api,
    path: String,
    /// Keeps the engine up: closing the last connection stops it.
    anchor: parking_lot::Mutex<Connection>,
    /// Its version, `26.7.2.1`.
    pub(super) version: String,
    /// Its time zone.
    pub(super) timezone: String,
    outside: HashSet<String>,
}

/// A setting's name and value, as a client gave them.
pub(super) type Settings = Vec<(String, String)>;

/// What a connection is opened for.
pub(super) struct Session<'request> {
    /// Marks the statement, so that it can be killed.
    pub(super) query_id: &'request str,
    /// The current database.
    pub(super) database: Option<&'request str>,
    /// Settings, in order.
    pub(super) settings: &'request [(String, String)],
    /// ClickHouse's `readonly`: 0 may do all, 2 reads and may change settings, 1 reads.
    pub(super) readonly: u8,
    /// May do what [`READONLY_USER`] is granted, and nothing else.
    pub(super) is_granted: bool,
}

/// Table functions that reach nothing at all: neither out of the database, nor a table by a text that names it (`merge('system', …)`).
const HARMLESS: [&str; 13] = [
    "format",
    "generaterandom",
    "generate_series",
    "generateseries",
    "null",
    "numbers",
    "numbers_mt",
    "primes",
    "values",
    "view",
    "viewifpermitted",
    "zeros",
    "zeros_mt",
];

impl Engine {
    /// Loads the library and opens the data. Blocks.
    pub(super) fn start(config: &EmbeddedConfig, library: &Path) -> Result<Self, EmbeddedError> {
        let directory = &config.data_dir;
        let failed = |what: &str, error: std::io::Error| EmbeddedError::new(format!("{what} {}: {error}", directory.display()));
        std::fs::create_dir_all(directory).map_err(|error| failed("make", error))?;
        let directory = directory.canonicalize().map_err(|error| failed("resolve", error))?;
        // A file of our own also keeps the engine from reading a config.xml that lies in the working or home directory.
        let options = directory.join("engine.xml");
        let users = directory.join("users.xml");
        std::fs::write(&options, options_xml(config, &users)).map_err(|error| failed("write the engine's options into", error))?;
        if let Some(readonly) = &config.readonly {
            std::fs::write(&users, users_xml(&readonly.grants)).map_err(|error| failed("write the engine's users into", error))?;
        }
        let path = format!("--path={}", directory.display());

        let api = Api::load(library)?;
        let arguments = [path.clone(), format!("--config-file={}", options.display())];
        let mut anchor = api.connect(&arguments).ok_or_else(|| {
            EmbeddedError::new(format!(
                "the engine cannot open {} (its own message is on standard error): another process may use it, it may be \
                 unreadable, or this process runs an engine on another directory; stop the other or name a directory of its own",
                directory.display()
            ))
        })?;
        let mut ask = |sql: &str| {
            let answer = anchor.query(sql.as_bytes(), "TabSeparated", &Params::new());
            answer.map(|chunk| String::from_utf8_lossy(chunk.bytes()).into_owned()).map_err(|error| EmbeddedError::new(error.text))
        };
        let identity = ask("SELECT version(), serverTimezone()")?;
        let (version, timezone) = identity.trim().split_once('\t').unwrap_or((identity.trim(), "UTC"));
        let outside = ask("SELECT lower(name) FROM system.table_functions")?
            .lines()
            .filter(|name| !HARMLESS.contains(name))
            .map(str::to_owned)
            .collect();
        Ok(Self { api, path, version: version.to_owned(), timezone: timezone.to_owned(), outside, anchor: parking_lot::Mutex::new(anchor) })
    }

    /// Opens a connection of its own for a request (0.1 ms), so that nothing one client sets is seen by another. Blocks.
    ///
    /// # Errors
    /// What ClickHouse says of an unknown setting, a wrong value or an unknown database.
    pub(super) fn connect(&self, session: &Session<'_>) -> Result<Connection, Exception> {
        let arguments = [self.path.clone(), format!("--log_comment={}", session.query_id), "--allow_introspection_functions=0".to_owned()];
        let mut connection = self
            .api
            .connect(&arguments)
            .ok_or_else(|| Exception::new(439, "CANNOT_SCHEDULE_TASK", "The engine takes no more connections"))?;
        if session.is_granted {
            // Of the roles of the engine's one user only this one is left.
            connection.query(format!("SET ROLE {READONLY_USER}").as_bytes(), "Null", &Params::new())?;
        }
        if let Some(database) = session.database {
            let name = database.replace('\\', "\\\\").replace('`', "\\`");
            connection.query(format!("USE `{name}`").as_bytes(), "Null", &Params::new())?;
        }
        let mut statement = String::new();
        for (name, value) in session.settings {
            set(&mut statement, name, value)?;
        }
        if session.readonly > 0 {
            set(&mut statement, "readonly", &session.readonly.to_string())?;
        }
        if !statement.is_empty() {
            connection.query(statement.as_bytes(), "Null", &Params::new())?;
        }
        Ok(connection)
    }

    /// Ends a statement by its id. Blocks.
    ///
    /// # Errors
    /// The engine's.
    pub(super) fn kill(&self, query_id: &str) -> Result<(), Exception> {
        let params = vec![("id".to_owned(), query_id.to_owned())];
        let sql = b"KILL QUERY WHERE Settings['log_comment'] = {id:String} ASYNC";
        self.anchor.lock().query(sql, "Null", &params).map(|_| ())
    }

    /// Whether a table function is none of the harmless ones; `name` in lower case.
    pub(super) fn is_outside(&self, name: &str) -> bool {
        self.outside.contains(name)
    }
}

/// Adds a setting to a SET statement.
fn set(statement: &mut String, name: &str, value: &str) -> Result<(), Exception> {
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.is_empty();
    if !is_name {
        return Err(Exception::new(115, "UNKNOWN_SETTING", format!("Unknown setting '{}'", name.escape_default())));
    }
    let value = value.replace('\\', "\\\\").replace('\'', "\\'");
    let separator = if statement.is_empty() { "SET" } else { "," };
    // Writing to a String cannot fail.
    let _ = write!(statement, "{separator} {name} = '{value}'");
    Ok(())
}

/// The engine's options: two cores' worth of background work, caches that fit beside the pipeline, parts on disk before an
/// INSERT answers (offsets are committed after it), and no log tables, which a resting engine would keep writing. What a merge or an
/// erasure replaced leaves the disk within seconds; for that, what replaces it is synced first.
fn options_xml(config: &EmbeddedConfig, users: &Path) -> String {
    let users = match config.readonly {
        Some(_) => format!("    <users_config>{}</users_config>\n", xml_text(&users.display().to_string())),
        None => String::new(),
    };
    let clusters = config.cluster.as_ref().map_or_else(String::new, |name| {
        format!(
            "    <tcp_port>9000</tcp_port>\n    <remote_servers><{name}><shard><internal_replication>true</internal_replication>\
             <replica><host>127.0.0.1</host><port>9000</port></replica></shard></{name}></remote_servers>\n"
        )
    });
    let backups = config.backups_dir.as_ref().map_or_else(String::new, |dir| {
        format!("    <backups><allowed_path>{}</allowed_path></backups>\n", xml_text(&dir.display().to_string()))
    });
    format!(
        "<clickhouse>
    <max_server_memory_usage>{memory}</max_server_memory_usage>
    <mark_cache_size>67108864</mark_cache_size>
    <index_mark_cache_size>16777216</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <mmap_cache_size>256</mmap_cache_size>
    <background_pool_size>2</background_pool_size>
    <background_schedule_pool_size>4</background_schedule_pool_size>
    <background_common_pool_size>2</background_common_pool_size>
    <background_move_pool_size>1</background_move_pool_size>
    <background_fetches_pool_size>1</background_fetches_pool_size>
    <timezone>UTC</timezone>
    <merge_tree>
        <fsync_after_insert>1</fsync_after_insert>
        <fsync_part_directory>1</fsync_part_directory>
        <min_rows_to_fsync_after_merge>1</min_rows_to_fsync_after_merge>
        <min_compressed_bytes_to_fsync_after_merge>1</min_compressed_bytes_to_fsync_after_merge>
        <old_parts_lifetime>5</old_parts_lifetime>
        <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
        <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
        <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
    </merge_tree>
{backups}{clusters}{users}</clickhouse>
",
        memory = config.memory_max_bytes
    )
}

/// The engine knows one user. Of its two roles one may do everything, and the other what the read-only user is granted.
fn users_xml(grants: &[String]) -> String {
    let queries: String = grants.iter().map(|grant| format!("<query>GRANT {}</query>", xml_text(grant))).collect();
    format!(
        "<clickhouse>
    <profiles><default/></profiles>
    <quotas><default/></quotas>
    <roles>
        <{USER}><grants><query>GRANT ALL ON *.*</query></grants></{USER}>
        <{READONLY_USER}><grants>{queries}</grants></{READONLY_USER}>
    </roles>
    <users>
        <default>
            <password/>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <grants><query>GRANT {USER}, {READONLY_USER}</query></grants>
        </default>
    </users>
</clickhouse>
"
    )
}

/// A text as it stands in an element of XML.
fn xml_text(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
