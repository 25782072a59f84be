// What Grafana's data source does: it asks the database over HTTP by clickhouse-go. Prints one line of JSON with what it found.
//
//	clickhouse-go HOST:PORT USER PASSWORD
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

type found struct {
	Method   string
	Version  string
	Rows     uint64
	Sum      uint64
	Sessions float64
	Failed   float64
	Refused  int
}

// What a read-only user must not do, and one answer that is larger than its limits.
var refused = []string{
	"CREATE TABLE tlsrpt.x (a UInt8) ENGINE = Memory",
	"INSERT INTO tlsrpt.reports (tenant) VALUES ('acme')",
	"SELECT payload FROM tlsrpt.submissions",
	"SELECT * FROM tlsrpt.audit",
	"SELECT * FROM url('http://127.0.0.1:1/', 'LineAsString', 'a String')",
	"SELECT 1 SETTINGS readonly = 0",
	"SELECT number FROM numbers(100001)",
}

func look(address, user, password, name string, method clickhouse.CompressionMethod) (*found, error) {
	db := clickhouse.OpenDB(&clickhouse.Options{
		Protocol:    clickhouse.HTTP,
		Addr:        []string{address},
		Auth:        clickhouse.Auth{Database: "tlsrpt", Username: user, Password: password},
		Compression: &clickhouse.Compression{Method: method},
		DialTimeout: 30 * time.Second,
		ReadTimeout: 60 * time.Second,
	})
	defer db.Close()
	// From a deadline it makes max_execution_time.
	ctx, cancel := context.WithTimeout(context.Background(), 120*time.Second)
	defer cancel()
	if err := db.PingContext(ctx); err != nil {
		return nil, fmt.Errorf("ping: %w", err)
	}
	result := &found{Method: name}
	if err := db.QueryRowContext(ctx, "SELECT version()").Scan(&result.Version); err != nil {
		return nil, fmt.Errorf("version: %w", err)
	}

	rows, err := db.QueryContext(ctx, "SELECT number, toString(number) FROM numbers(100000)")
	if err != nil {
		return nil, fmt.Errorf("many rows: %w", err)
	}
	for rows.Next() {
		var number uint64
		var text string
		if err := rows.Scan(&number, &text); err != nil {
			return nil, fmt.Errorf("a row: %w", err)
		}
		if text != fmt.Sprint(number) {
			return nil, fmt.Errorf("row %d reads %q", number, text)
		}
		result.Rows++
		result.Sum += number
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("many rows: %w", err)
	}

	err = db.QueryRowContext(ctx, `SELECT sum(successful_sessions + failed_sessions), sum(failed_sessions)
		FROM counted_sessions(from = toDate(now() - INTERVAL 60 DAY), to = toDate(now()), trust = []) WHERE tenant = {tenant:String}`,
		clickhouse.Named("tenant", "acme")).Scan(&result.Sessions, &result.Failed)
	if err != nil {
		return nil, fmt.Errorf("a parameter: %w", err)
	}

	// Every type that the views have.
	rows, err = db.QueryContext(ctx, `SELECT tenant, domain, day, reporter, policy_type, policy_mode, policy_max_age, mx_hosts, document, received_at, trust
		FROM counted_reports(from = toDate(now() - INTERVAL 60 DAY), to = toDate(now()), trust = ['none']) WHERE tenant = 'acme' LIMIT 10`)
	if err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	columns, err := rows.ColumnTypes()
	if err != nil || len(columns) != 11 {
		return nil, fmt.Errorf("types: %v %w", columns, err)
	}
	if !rows.Next() {
		return nil, fmt.Errorf("no report: %w", rows.Err())
	}
	values := make([]any, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		return nil, fmt.Errorf("types: %w", err)
	}
	if _, ok := values[2].(time.Time); !ok || values[0] != "acme" {
		return nil, fmt.Errorf("types: %v", values)
	}
	rows.Close()

	for _, statement := range refused {
		rows, err := db.QueryContext(ctx, statement)
		if err == nil {
			for rows.Next() {
			}
			err = rows.Err()
			rows.Close()
		}
		if err == nil {
			return nil, fmt.Errorf("not refused: %s", statement)
		}
		result.Refused++
	}
	return result, nil
}

func main() {
	methods := []struct {
		name   string
		method clickhouse.CompressionMethod
	}{
		{"none", clickhouse.CompressionNone},
		{"lz4", clickhouse.CompressionLZ4},
		{"zstd", clickhouse.CompressionZSTD},
		{"gzip", clickhouse.CompressionGZIP},
	}
	var all []*found
	for _, one := range methods {
		result, err := look(os.Args[1], os.Args[2], os.Args[3], one.name, one.method)
		if err != nil {
			fmt.Fprintf(os.Stderr, "%s: %v\n", one.name, err)
			os.Exit(1)
		}
		all = append(all, result)
	}
	if err := json.NewEncoder(os.Stdout).Encode(all); err != nil {
		os.Exit(1)
	}
}
