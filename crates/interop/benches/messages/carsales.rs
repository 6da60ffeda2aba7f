// Included once for each library: `api` and `carsales_capnp` are in scope.

use carsales_capnp::{Paint, car, lot, price};

const PAINTS: [Paint; 9] = [
    Paint::Black,
    Paint::White,
    Paint::Red,
    Paint::Green,
    Paint::Blue,
    Paint::Cyan,
    Paint::Magenta,
    Paint::Yellow,
    Paint::Silver,
];
const MAKERS: [&str; 5] = ["Toyota", "GM", "Ford", "Honda", "Tesla"];
const MODELS: [&str; 6] = ["Camry", "Prius", "Volt", "Accord", "Leaf", "Model S"];

pub struct Carsales;

impl super::Case for Carsales {
    type Request = lot::Owned;
    type Response = price::Owned;
    type Expected = u64;

    fn fill(random: &mut Random, request: lot::Builder<'_>) -> u64 {
        let count = random.below(200);
        let mut total = 0;
        let mut cars = request.init_cars(count);
        for index in 0..count {
            fill_car(random, cars.reborrow().get(index));
            total += value_of(cars.reborrow().get(index).into_reader()).unwrap_or(0);
        }
        total
    }

    fn answer(request: lot::Reader<'_>, mut response: price::Builder<'_>) -> api::Result<()> {
        let mut total = 0;
        for car in request.get_cars()? {
            total += value_of(car)?;
        }
        response.set_amount(total);
        Ok(())
    }

    fn check(response: price::Reader<'_>, expected: &u64) -> api::Result<bool> {
        Ok(response.get_amount() == *expected)
    }
}

fn fill_car(random: &mut Random, mut car: car::Builder<'_>) {
    car.set_maker(MAKERS[random.below(5) as usize]);
    car.set_model(MODELS[random.below(6) as usize]);
    car.set_paint(PAINTS[random.below(9) as usize]);
    car.set_seats(2 + random.below(6) as u8);
    car.set_doors(2 + random.below(3) as u8);
    let mut wheels = car.reborrow().init_wheels(4);
    for index in 0..4 {
        let mut wheel = wheels.reborrow().get(index);
        wheel.set_diameter_cm(25 + random.below(15) as u16);
        wheel.set_pressure_kpa((200 + random.below(50)) as f32);
        wheel.set_for_snow(random.below(16) == 0);
    }
    car.set_length_mm(4000 + random.below(1500) as u16);
    car.set_width_mm(1600 + random.below(400) as u16);
    car.set_height_mm(1400 + random.below(500) as u16);
    car.set_weight_kg(1000 + random.below(1000));
    let mut engine = car.reborrow().init_engine();
    engine.set_horsepower(100 * (1 + random.below(4) as u16));
    engine.set_cylinders(4 + 2 * random.below(3) as u8);
    engine.set_displacement_cc(800 + random.below(8000));
    engine.set_uses_petrol(true);
    engine.set_uses_electricity(random.below(2) == 0);
    car.set_tank_litres(40.0 + random.below(40) as f32);
    car.set_fuel_litres(random.below(40) as f32);
    car.set_has_electric_windows(random.below(2) == 0);
    car.set_has_electric_seats(random.below(2) == 0);
    car.set_has_cruise_control(random.below(2) == 0);
    car.set_cup_holders(random.below(12) as u8);
    car.set_has_navigation(random.below(2) == 0);
}

fn value_of(car: car::Reader<'_>) -> api::Result<u64> {
    let mut value = 200;
    value += u64::from(car.get_seats()) * 200;
    value += u64::from(car.get_doors()) * 350;
    for wheel in car.get_wheels()? {
        value += u64::from(wheel.get_diameter_cm()) * u64::from(wheel.get_diameter_cm()) / 4;
        value += if wheel.get_for_snow() { 100 } else { 0 };
    }
    value += u64::from(car.get_length_mm())
        * u64::from(car.get_width_mm())
        * u64::from(car.get_height_mm())
        / 50_000_000;
    let engine = car.get_engine()?;
    value += u64::from(engine.get_horsepower()) * 40;
    if engine.get_uses_electricity() {
        value += if engine.get_uses_petrol() { 5000 } else { 3000 };
    }
    value += if car.get_has_electric_windows() {
        100
    } else {
        0
    };
    value += if car.get_has_electric_seats() { 200 } else { 0 };
    value += if car.get_has_cruise_control() { 300 } else { 0 };
    value += if car.get_has_navigation() { 900 } else { 0 };
    value += u64::from(car.get_cup_holders()) * 25;
    Ok(value)
}
