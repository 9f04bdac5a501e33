package graph

// Functions between resolvers and clients.
var (
	PresentError = presentError
	RecoverPanic = recoverPanic
)
