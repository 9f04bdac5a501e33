package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"foyer/accounts/apps"
	"foyer/ent"
	"foyer/ent/database"
	"foyer/internal/fault"
	"foyer/server/config"
)

// What a command ends with.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // the command was not understood
)

const usage = `usage: foyer [serve]      serve, as the environment says
       foyer migrate      bring the tables of the database up to date, and say what was done
       foyer healthy      ask the server of this machine whether it is ready
       foyer doctor       look at everything that Foyer leans on, and say what to mend
       foyer config       print the settings that hold here, without secrets
       foyer help         print this; foyer help settings prints what every setting is for
       foyer version      print which Foyer this is
       foyer app create   -name NAME -domain DOMAIN[,…] -scope SCOPE[,…]
                          make an application, and print its secret, once
       foyer app list     list the applications
       foyer app rotate   [-overlap DURATION] CLIENT_ID
                          make another secret, and print it, once; the one before stays good
                          for the overlap, 24h if not given
       foyer app revoke   CLIENT_ID
                          end an application and all its tokens, at once and for good

DOMAIN is the e-mail domain of users that the application may act for, or * for all. The commands
work on the database that DATABASE_URL or FOYER_DATA names, as the server does.
`

// usageError is a command that was not understood.
type usageError struct{ problem string }

func (e usageError) Error() string { return e.problem + "\n\n" + usage }

// commandConnections is how many a command needs: one, and another to hold the lock while tables change.
const commandConnections = 2

// maxOverlap is how long two secrets of an application may be good at once.
const maxOverlap = 365 * 24 * time.Hour

// execute runs a command and returns what the process is to end with.
func execute(ctx context.Context, args, environ []string, out, errOut io.Writer) int {
	err := command(ctx, args, environ, out)
	var misused usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &misused):
		fmt.Fprint(errOut, err)
		return exitUsage
	default:
		fmt.Fprintln(errOut, err)
		return exitFailed
	}
}

func command(ctx context.Context, args, environ []string, out io.Writer) error {
	if len(args) == 0 {
		return run(ctx, environ, out)
	}
	whole, is := commands[args[0]]
	switch {
	case is && len(args) == 1:
		return whole(ctx, environ, out)
	case args[0] == "app":
		return manageApps(ctx, args[1:], environ, out)
	case slices.Contains([]string{"help", "-h", "-help", "--help"}, args[0]):
		return help(args[1:], out)
	default:
		return usageError{fmt.Sprintf("there is no command %q", strings.Join(args, " "))}
	}
}

func help(args []string, out io.Writer) error {
	if slices.Equal(args, []string{"settings"}) {
		return config.Help(out)
	}
	_, err := io.WriteString(out, usage)
	return err
}

// printConfig prints every setting that holds, without secrets.
func printConfig(_ context.Context, environ []string, out io.Writer) error {
	c, err := config.Load(environ)
	if err != nil {
		return err
	}
	return c.Print(out)
}

// commands are those that take no arguments.
var commands = map[string]func(ctx context.Context, environ []string, out io.Writer) error{
	"serve": run, "migrate": migrate, "healthy": healthy,
	"doctor": doctor, "config": printConfig, "version": printVersion,
}

// migrate brings the tables up to date.
func migrate(ctx context.Context, environ []string, out io.Writer) error {
	c, err := config.Load(environ)
	if err != nil {
		return err
	}
	if err := makeDataFolder(c.Database.URL); err != nil {
		return err
	}
	db, err := database.Open(c.Database.URL, commandConnections)
	if err != nil {
		return err
	}
	defer db.Close()
	applied, err := db.Migrate(ctx)
	for _, version := range applied {
		fmt.Fprintln(out, "applied", version)
	}
	if err == nil && len(applied) == 0 {
		fmt.Fprintln(out, "the tables are up to date")
	}
	return err
}

// appCommands are those of foyer app. Each reads its arguments first, and returns what it is to do.
var appCommands = map[string]func(args []string) (appAction, error){
	"create": createApp, "list": listApps, "rotate": rotateApp, "revoke": revokeApp,
}

// appAction does what a command says, and prints what came of it.
type appAction func(ctx context.Context, r *apps.Registry, out io.Writer) error

func manageApps(ctx context.Context, args, environ []string, out io.Writer) error {
	if len(args) == 0 || appCommands[args[0]] == nil {
		return usageError{"which command of app?"}
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

// list adds a flag whose values are separated by commas, or given one by one.
func list(flags *flag.FlagSet, name string, into *[]string) {
	flags.Func(name, "", func(text string) error {
		for value := range strings.SplitSeq(text, ",") {
			*into = append(*into, strings.TrimSpace(value))
		}
		return nil
	})
}

// parse reads flags, and so many arguments after them.
func parse(flags *flag.FlagSet, args []string, arguments int) error {
	if err := flags.Parse(args); err != nil {
		return usageError{err.Error()}
	}
	if flags.NArg() != arguments {
		return usageError{fmt.Sprintf("want %d arguments after the flags", arguments)}
	}
	return nil
}
