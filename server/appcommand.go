package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"foyer/accounts/apps"
	"foyer/ent"
	"foyer/ent/database"
	"foyer/internal/fault"
	"foyer/server/config"
)

// maxOverlap bounds how long two secrets of an application may be valid.
const maxOverlap = 365 * 24 * time.Hour

// appCommands are the commands of foyer app. Each reads its arguments, and returns an action.
var appCommands = map[string]func(args []string) (appAction, error){
	"create": createApp, "list": listApps, "rotate": rotateApp, "revoke": revokeApp,
}

// appAction runs a command of foyer app, and prints the result.
type appAction func(ctx context.Context, r *apps.Registry, out io.Writer) error

func manageApps(ctx context.Context, args, environ []string, out io.Writer) error {
	if len(args) == 0 || appCommands[args[0]] == nil {
		return usageError{"foyer app requires a command"}
	}
	action, err := appCommands[args[0]](args[1:])
	if err != nil {
		return err
	}
	c, err := config.Load(environ)
	if err != nil {
		return err
	}
	db, err := openDatabase(ctx, c, database.Settings{Connections: commandConnections})
	if err != nil {
		return err
	}
	defer db.Close()
	err = action(ctx, apps.NewRegistry(db.Client), out)
	if fault.Is(err, fault.Invalid) {
		return usageError{err.Error()}
	}
	return err
}

func createApp(args []string) (appAction, error) {
	var in apps.Registration
	flags := newFlags()
	flags.StringVar(&in.Name, "name", "", "")
	list(flags, "domain", &in.EmailDomains)
	list(flags, "scope", &in.Scopes)
	if err := parse(flags, args, 0); err != nil {
		return nil, err
	}
	return func(ctx context.Context, r *apps.Registry, out io.Writer) error {
		app, secret, err := r.Create(ctx, in)
		if err != nil {
			return err
		}
		return printSecret(out, app.ClientID, secret)
	}, nil
}

func listApps(args []string) (appAction, error) {
	if err := parse(newFlags(), args, 0); err != nil {
		return nil, err
	}
	return func(ctx context.Context, r *apps.Registry, out io.Writer) error {
		list, err := r.List(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(table, "CLIENT ID\tNAME\tSTATE\tLAST USED\tDOMAINS\tSCOPES")
		for _, app := range list {
			fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", app.ClientID, app.Name, state(app),
				lastUse(app), strings.Join(app.EmailDomains, ","), strings.Join(app.Scopes, ","))
		}
		return table.Flush()
	}, nil
}

func state(app *ent.Application) string {
	switch end := app.PreviousSecretEndsAt; {
	case !app.Active:
		return "revoked"
	case end != nil && end.After(time.Now()):
		return "two secrets until " + end.UTC().Format(time.RFC3339)
	default:
		return "active"
	}
}

func lastUse(app *ent.Application) string {
	if app.LastUsedAt == nil {
		return "never"
	}
	return app.LastUsedAt.UTC().Format(time.RFC3339)
}

func rotateApp(args []string) (appAction, error) {
	flags := newFlags()
	overlap := flags.Duration("overlap", 24*time.Hour, "")
	if err := parse(flags, args, 1); err != nil {
		return nil, err
	}
	if *overlap < 0 || *overlap > maxOverlap {
		return nil, usageError{fmt.Sprintf("the overlap is not between 0 and %s", maxOverlap)}
	}
	return func(ctx context.Context, r *apps.Registry, out io.Writer) error {
		secret, err := r.Rotate(ctx, flags.Arg(0), *overlap)
		if err != nil {
			return err
		}
		return printSecret(out, flags.Arg(0), secret)
	}, nil
}

func revokeApp(args []string) (appAction, error) {
	flags := newFlags()
	if err := parse(flags, args, 1); err != nil {
		return nil, err
	}
	return func(ctx context.Context, r *apps.Registry, out io.Writer) error {
		if err := r.Revoke(ctx, flags.Arg(0)); err != nil {
			return err
		}
		_, err := fmt.Fprintln(out, flags.Arg(0), "is revoked")
		return err
	}, nil
}

func printSecret(out io.Writer, clientID, secret string) error {
	_, err := fmt.Fprintf(out, "client_id      %s\nclient_secret  %s\n\n"+
		"Keep the secret now: it is not shown again.\n", clientID, secret)
	return err
}

func newFlags() *flag.FlagSet {
	flags := flag.NewFlagSet("app", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	return flags
}

// list adds a flag for a list. Its values have commas between them, or the flag is repeated.
func list(flags *flag.FlagSet, name string, into *[]string) {
	flags.Func(name, "", func(text string) error {
		for value := range strings.SplitSeq(text, ",") {
			*into = append(*into, strings.TrimSpace(value))
		}
		return nil
	})
}

// parse reads flags, and a number of arguments after them.
func parse(flags *flag.FlagSet, args []string, arguments int) error {
	if err := flags.Parse(args); err != nil {
		return usageError{err.Error()}
	}
	if flags.NArg() != arguments {
		return usageError{fmt.Sprintf("this command requires %d arguments after its flags", arguments)}
	}
	return nil
}
