mod comment;
mod github;
mod hostile;
mod inert;
mod looks;
mod made;
mod real;
mod small;
