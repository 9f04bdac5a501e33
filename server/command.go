package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"foyer/ent/database"
	"foyer/server/config"
)

// The exit codes of a command.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2 // there is no such command
)

const usage = `usage: foyer [serve]      run the server
       foyer migrate      bring the tables of the database up to date
       foyer healthy      ask the server on this machine whether it is ready
       foyer doctor       check everything that Foyer depends on, and say what to fix
       foyer config       print the settings that apply, without secrets
       foyer help         print this text
       foyer help settings
                          print every setting with its values, default and meaning
       foyer version      print the version
       foyer app create   -name NAME -domain DOMAIN[,…] -scope SCOPE[,…]
                          create an application, and print its secret, once
       foyer app list     list the applications
       foyer app rotate   [-overlap DURATION] CLIENT_ID
                          create a new secret, and print it, once; the old one stays valid
                          for the overlap, 24h by default
       foyer app revoke   CLIENT_ID
                          end an application and all its tokens immediately and for good

All settings are environment variables. DOMAIN is the e-mail domain of users that the application
may act for, or * for all.
`

// usageError is the error of a command that Foyer does not know, or that has wrong arguments.
type usageError struct{ problem string }

func (e usageError) Error() string { return e.problem + "\n\n" + usage }

// commandConnections are the database connections of a command. A migration needs a second one to hold its lock.
const commandConnections = 2

// execute runs a command and returns its exit code.
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

// printConfig prints the value of every setting, without secrets.
func printConfig(_ context.Context, environ []string, out io.Writer) error {
	c, err := config.Load(environ)
	if err != nil {
		return err
	}
	return c.Print(out)
}

// commands are the commands without arguments.
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
