package main

import (
	"encoding/json"
	"mime"
	"net/http"
	"net/mail"
	"strings"

	"foyer/fault"
	"foyer/rooms"
)

const maxLogin = 4 << 10 // bytes

// devLogin signs anybody in as anybody: the stand-in for an identity provider in development mode.
// From here on a viewer is a viewer, however he signed in.
func (a *app) devLogin(w http.ResponseWriter, r *http.Request) error {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind != "application/json" {
		return fault.New(fault.Invalid, "want Content-Type: application/json")
	}
	var person struct{ Name, Email string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxLogin)).Decode(&person); err != nil {
		return fault.New(fault.Invalid, `want {"name": "…", "email": "…"}`)
	}
	subject := person.Email
	if address, err := mail.ParseAddress(person.Email); err == nil {
		subject = address.Address
	}
	user, err := a.rooms.SignIn(r.Context(), rooms.Profile{
		Subject: "dev:" + strings.ToLower(subject), Email: person.Email, EmailVerified: true,
		FullName: person.Name,
	})
	if err != nil {
		return err
	}
	token, err := a.sessions.Issue(user.ID)
	if err != nil {
		return err
	}
	http.SetCookie(w, a.sessions.Cookie(token))
	answer(w, http.StatusOK, map[string]any{"token": token, "userId": user.ID})
	return nil
}
