package env

import (
	"context"
	"fmt"
	"net/url"
	"reflect"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Migrate makes the tables of a new database, and closes every connection that it opened to it.
type Migrate = func(ctx context.Context, url string) error

// templates holds, for every Migrate of this process, the one function that makes its template. It is a package
// variable because a template is useful only when all tests share it.
var templates sync.Map

// Postgres returns the URL of a database of the test's own, migrated and empty. The database is a copy of a template,
// which migrate makes once in this process. When the test ends, its connections are closed and it is dropped. The
// template ends with the server.
func Postgres(t testing.TB, migrate Migrate) string {
	t.Helper()
	server, err := url.Parse(setting(t, EnvPostgres))
	if err != nil {
		t.Fatal(err)
	}
	template, err := templateOf(migrate, server)
	if err != nil {
		t.Fatal(err)
	}
	name := ownName()
	if err := execute(server, "CREATE DATABASE "+name+" TEMPLATE "+template); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := execute(server, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Error(err)
		}
	})
	return withDatabase(server, name)
}

// templateOf returns the name of migrate's template. The first caller makes it, the others wait. Closures of the same
// function literal count as one.
func templateOf(migrate Migrate, server *url.URL) (string, error) {
	once, _ := templates.LoadOrStore(
		reflect.ValueOf(migrate).Pointer(),
		sync.OnceValues(func() (string, error) { return makeTemplate(migrate, server) }),
	)
	return once.(func() (string, error))()
}

func makeTemplate(migrate Migrate, server *url.URL) (string, error) {
	name := ownName()
	if err := execute(server, "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := migrate(ctx, withDatabase(server, name)); err != nil {
		return "", fmt.Errorf("migrate the template of test databases: %w", err)
	}
	return name, nil
}

// execute runs one statement on its own connection. It takes no context, because it also runs after the test's
// context has ended.
func execute(server *url.URL, statement string) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, server.String())
	if err != nil {
		return fmt.Errorf("PostgreSQL does not answer: %w: %s", err, hint)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

func withDatabase(server *url.URL, name string) string {
	u := *server
	u.Path = "/" + name
	return u.String()
}
