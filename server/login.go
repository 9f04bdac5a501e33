package main

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/mail"

	"foyer/auth"
	"foyer/internal/devmode"
	"foyer/internal/fault"
)

const maxLogin = 4 << 10 // bytes

// devLogin signs anybody in as anybody, for scripts in development mode. The account is the one that the provider
// inside the process has for this name and address. The answer has the session's token for the Authorization header.
func (a *app) devLogin(w http.ResponseWriter, r *http.Request) error {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		return fault.New(fault.Invalid, "want Content-Type: application/json")
	}
	var person struct{ Name, Email string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLogin)).Decode(&person); err != nil {
		return fault.New(fault.Invalid, `want {"name": "…", "email": "…"}`)
	}
	known := devmode.Person{Name: person.Name, Email: person.Email}
	if known == (devmode.Person{}) {
		return fault.Field("email", "who signs in needs a name or an e-mail address")
	}
	if address, err := mail.ParseAddress(person.Email); err == nil {
		known.Email = address.Address
	}
	user, err := a.accounts.SignIn(r.Context(), auth.Identity{
		Subject: known.Subject(), Email: person.Email, EmailVerified: person.Email != "",
		FullName: person.Name,
	})
	if err != nil {
		return err
	}
	token, err := a.sessions.Start(w, r, user.ID, "")
	if err != nil {
		return err
	}
	answer(w, http.StatusOK, map[string]any{"token": token, "userId": user.ID})
	return nil
}
